using System.Runtime.InteropServices;
using System.Text;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Kernel.Sources;

/// <summary>
/// Standard input, output and error of a process that was started with one of them closed. What it opens next would get that number, and be written
/// to as if it were a terminal: the log would go into a socket, the output into a pipe of the runtime.
/// </summary>
public static unsafe class StandardDescriptors
{
    private const int Count = 3;

    /// <summary>Where one of the three was closed at the start, starts the program once more in this process, with <c>/dev/null</c> in its place.</summary>
    /// <remarks>
    /// It is opened to read only: input has an end at once, and output fails, as it does where it is closed, so that nobody takes it for written. By now the
    /// runtime has files of its own at these numbers, which cannot be taken from it.
    /// </remarks>
    public static void Ensure()
    {
        int[] closed = [.. Enumerable.Range(0, Count).Where(WasClosed)];
        if (closed.Length == 0 || Environment.ProcessPath is not { } program)
        {
            return;
        }

        byte[][] arguments;
        try
        {
            arguments = OwnArguments.All();
        }
        catch (KernelReadException)
        {
            // Without proc nothing can be started again; it goes on as it was started.
            return;
        }

        Reopen(closed, Encoding.UTF8.GetBytes(program + '\0'), arguments);
    }

    /// <summary>Whether a descriptor is not one that the process was started with: those are closed by execve(2) that have the flag.</summary>
    internal static bool WasClosed(int descriptor) => LibC.Control(descriptor, LibC.GetDescriptorFlags) is var flags && (flags < 0 || (flags & LibC.CloseOnExec) != 0);

    private static void Reopen(int[] closed, byte[] program, byte[][] arguments)
    {
        fixed (byte* path = program)
        fixed (byte* nothing = "/dev/null\0"u8)
        {
            int descriptor = LibC.OpenAt(LibC.AtFdCwd, nothing, LibC.OpenReadOnly);
            if (descriptor < 0)
            {
                throw KernelReadException.FromErrno("/dev/null", Marshal.GetLastPInvokeError());
            }

            foreach (int one in closed.Where(one => one != descriptor))
            {
                if (LibC.Duplicate(descriptor, one) < 0)
                {
                    throw KernelReadException.FromErrno("dup2", Marshal.GetLastPInvokeError());
                }
            }

            if (descriptor >= Count)
            {
                _ = LibC.Close(descriptor);
            }

            byte** list = stackalloc byte*[arguments.Length + 1];
            for (int i = 0; i < arguments.Length; i++)
            {
                list[i] = (byte*)Marshal.AllocHGlobal(arguments[i].Length + 1);
                arguments[i].CopyTo(new Span<byte>(list[i], arguments[i].Length));
                list[i][arguments[i].Length] = 0;
            }

            list[arguments.Length] = null;
            _ = LibC.Execute(path, list);
            throw KernelReadException.FromErrno("execve", Marshal.GetLastPInvokeError());
        }
    }
}
