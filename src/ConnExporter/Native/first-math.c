/* The C library has log and pow in a second version since 2.29, which differs in errno only. All else that the program needs is older: bound to the
   first version, it runs where the library is as old as 2.17. See docs/decisions.md. */
#if defined(__aarch64__)
#define FIRST "GLIBC_2.17"
#else
#define FIRST "GLIBC_2.2.5"
#endif

double first_log(double);
double first_pow(double, double);
__asm__(".symver first_log, log@" FIRST);
__asm__(".symver first_pow, pow@" FIRST);

double __wrap_log(double x) { return first_log(x); }
double __wrap_pow(double x, double y) { return first_pow(x, y); }
