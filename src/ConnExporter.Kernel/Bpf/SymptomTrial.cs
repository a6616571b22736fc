namespace ConnExporter.Kernel.Bpf;

/// <summary>Calls what a program hangs at, in sockets that nobody else sees, so that it shows whether the program is called.</summary>
internal static unsafe class SymptomTrial
{
    private const int AfInet = 2;
    private const int AddressLength = 16;

    /// <summary>Calls it. That the call fails is all the same.</summary>
    public static void Provoke(SymptomKind kind)
    {
        int socket = LibC.Socket(AfInet, LibC.SockStream | LibC.SockNonBlock | LibC.SockCloseOnExec, 0);
        if (socket < 0)
        {
            return;
        }

        switch (kind)
        {
            // It does not listen: EINVAL.
            case SymptomKind.AcceptFailed:
                Close(LibC.Accept(socket, null, null, LibC.SockCloseOnExec));
                break;

            // 127.0.0.1, and whichever port.
            case SymptomKind.BindFailed:
                byte* address = stackalloc byte[AddressLength];
                new Span<byte>(address, AddressLength).Clear();
                (address[0], address[4], address[7]) = (AfInet, 127, 1);
                _ = LibC.Bind(socket, address, AddressLength);
                break;
        }

        // A descriptor was allocated for the socket.
        Close(socket);
    }

    private static void Close(int descriptor)
    {
        if (descriptor >= 0)
        {
            _ = LibC.Close(descriptor);
        }
    }
}
