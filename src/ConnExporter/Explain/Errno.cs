using System.Collections.Immutable;

namespace ConnExporter.Explain;

/// <summary>The errors of the kernel and of the resolver that decide which page answers.</summary>
internal enum Errno
{
    None,
    Again,
    NoChild,
    TooManyFilesInSystem,
    TooManyFiles,
    NoSpace,
    BrokenPipe,
    FamilyNotSupported,
    AddressInUse,
    AddressNotAvailable,
    NetworkUnreachable,
    Reset,
    NoBuffers,
    TimedOut,
    Refused,
    HostUnreachable,
    NotResolved,
}

/// <summary>What an error is called: by its name, by its number, in the words of glibc, musl, Windows and language runtimes, and in Chinese.</summary>
internal static class ErrnoTexts
{
    /// <summary>The texts, normalised. Where several begin at one place the longest counts.</summary>
    public static ImmutableArray<(Errno Errno, string Text)> All { get; } =
    [
        .. Of(Errno.Again, "EAGAIN", "EWOULDBLOCK", "WSAEWOULDBLOCK", "resource temporarily unavailable", "operation would block", "资源暂时不可用", "资源临时不可用", "资源暂不可用"),
        .. Of(Errno.NoChild, "ECHILD", "no child processes", "没有子进程"),
        .. Of(Errno.TooManyFilesInSystem, "ENFILE", "too many open files in system", "系统中打开的文件过多", "系统打开的文件过多", "系统打开文件过多"),
        .. Of(Errno.TooManyFiles, "EMFILE", "WSAEMFILE", "too many open files", "no file descriptors available", "too many open sockets", "打开的文件过多", "打开的文件太多", "打开文件过多", "打开文件太多", "打开文件数过多", "打开的文件数过多"),
        .. Of(Errno.NoSpace, "ENOSPC", "no space left on device", "设备上没有空间", "磁盘空间不足"),
        .. Of(Errno.BrokenPipe, "EPIPE", "broken pipe", "断开的管道", "管道破裂"),
        .. Of(Errno.FamilyNotSupported, "EAFNOSUPPORT", "address family not supported by protocol", "address family not supported", "协议不支持的地址族", "不支持的地址族"),
        .. Of(
            Errno.AddressInUse,
            "EADDRINUSE", "WSAEADDRINUSE", "AddrInUse", "address already in use", "address in use", "only one usage of each socket address", "地址已在使用", "地址已被使用", "地址已经被使用", "地址已经在使用", "端口被占用", "端口已被占用", "端口已经被占用", "只允许使用一次"),
        .. Of(
            Errno.AddressNotAvailable,
            "EADDRNOTAVAIL", "WSAEADDRNOTAVAIL", "AddrNotAvailable", "cannot assign requested address", "can't assign requested address", "can not assign requested address", "couldn't assign requested address",
            "address not available", "the requested address is not valid in its context", "无法指定被请求的地址", "无法分配请求的地址", "不能分配请求的地址", "无法指定请求的地址", "无法分配所请求的地址", "该请求的地址无效"),
        .. Of(
            Errno.NetworkUnreachable,
            "ENETUNREACH", "WSAENETUNREACH", "network is unreachable", "network unreachable", "net unreachable", "unreachable network", "网络不可达", "网络不可到达", "网络无法访问", "无法访问的网络"),
        .. Of(
            Errno.Reset,
            "ECONNRESET", "WSAECONNRESET", "ConnectionReset", "connection reset by peer", "connection reset", "connection was reset", "forcibly closed by the remote host", "连接被对方重设", "连接被对端重置", "连接被对方重置", "连接被重置", "连接重置",
            "远程主机强迫关闭了一个现有的连接"),
        .. Of(Errno.NoBuffers, "ENOBUFS", "WSAENOBUFS", "no buffer space available", "没有可用的缓冲区空间", "没有可用的缓冲空间", "缓冲区空间不足"),
        .. Of(
            Errno.TimedOut,
            "ETIMEDOUT", "WSAETIMEDOUT", "connection timed out", "connect timed out", "connection timeout", "connect timeout", "i/o timeout", "operation timed out", "upstream timed out", "did not properly respond after a period of time",
            "连接超时", "连接已超时", "没有正确答复"),
        .. Of(
            Errno.Refused,
            "ECONNREFUSED", "WSAECONNREFUSED", "ConnectionRefused", "connection refused", "actively refused", "拒绝连接", "连接被拒绝", "连接被拒", "拒绝了连接", "积极拒绝"),
        .. Of(
            Errno.HostUnreachable,
            "EHOSTUNREACH", "WSAEHOSTUNREACH", "no route to host", "host is unreachable", "host unreachable", "unreachable host", "没有到主机的路由", "无法到达主机", "主机不可达", "无法访问的主机"),
        .. Of(
            Errno.NotResolved,
            "EAI_AGAIN", "EAI_NONAME", "EAI_FAIL", "ENOTFOUND", "temporary failure in name resolution", "temporary failure resolving", "failure in name resolution", "name or service not known", "name does not resolve", "no such host is known",
            "nodename nor servname provided", "no such host", "no address associated with hostname", "could not resolve host", "couldn't resolve host", "unable to resolve host", "could not be resolved", "host not found in upstream", "UnknownHostException",
            "SERVFAIL", "域名解析暂时失败", "域名解析失败", "名称解析失败", "名字解析失败", "未知的名称或服务", "无法解析主机", "不知道这样的主机"),
    ];

    /// <summary>Classes that say an error where the text beside them does not.</summary>
    public static ImmutableArray<(Errno Errno, string Text)> Classes { get; } =
    [
        .. Of(Errno.HostUnreachable, "NoRouteToHostException"),
        .. Of(Errno.Reset, "ConnectionResetError", "BrokenPipeError"),
        .. Of(Errno.Refused, "ConnectionRefusedError", "HttpHostConnectException"),
        .. Of(Errno.TimedOut, "ConnectTimeoutException", "ConnectTimeoutError", "HttpConnectTimeoutException"),
    ];

    /// <summary>The error of a number of Linux (all architectures but Alpha, MIPS, PA-RISC and SPARC) or of Windows; None where it decides nothing here.</summary>
    public static Errno OfNumber(int number) => number switch
    {
        10 => Errno.NoChild,
        11 or 10035 => Errno.Again,
        23 => Errno.TooManyFilesInSystem,
        24 or 10024 => Errno.TooManyFiles,
        28 => Errno.NoSpace,
        32 => Errno.BrokenPipe,
        97 or 10047 => Errno.FamilyNotSupported,
        98 or 10048 => Errno.AddressInUse,
        99 or 10049 => Errno.AddressNotAvailable,
        101 or 10051 => Errno.NetworkUnreachable,
        104 or 10054 => Errno.Reset,
        105 or 10055 => Errno.NoBuffers,
        110 or 10060 => Errno.TimedOut,
        111 or 10061 => Errno.Refused,
        113 or 10065 => Errno.HostUnreachable,
        11001 or 11002 => Errno.NotResolved,
        _ => Errno.None,
    };

    private static IEnumerable<(Errno, string)> Of(Errno errno, params string[] texts) => texts.Select(text => (errno, Phrase.Normalise(text)));
}
