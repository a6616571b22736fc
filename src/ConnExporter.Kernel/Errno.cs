namespace ConnExporter.Kernel;

/// <summary>The error numbers this program tells apart (asm-generic/errno.h).</summary>
internal static class Errno
{
    public const int NotPermitted = 1;
    public const int NoEntry = 2;
    public const int NoProcess = 3;
    public const int Interrupted = 4;
    public const int TryAgain = 11;
    public const int AccessDenied = 13;
    public const int NoDevice = 19;
    public const int NotDirectory = 20;
    public const int Invalid = 22;
    public const int ProtocolNotSupported = 93;
    public const int OperationNotSupported = 95;
    public const int AddressFamilyNotSupported = 97;
    public const int TimedOut = 110;
}
