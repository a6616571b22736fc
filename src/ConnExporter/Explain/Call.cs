using System.Collections.Immutable;

namespace ConnExporter.Explain;

/// <summary>The kinds of call that fail.</summary>
internal enum Call
{
    None,
    Connect,
    Bind,
    Accept,
    Open,
    Watch,
    Send,
    Receive,
    SetOption,
    Fork,
    Resolve,
    Netlink,
}

/// <summary>What a call is called, normalised.</summary>
internal static class CallTexts
{
    /// <summary>The call itself and what programs say of it.</summary>
    public static ImmutableArray<(Call Call, string Text)> All { get; } =
    [
        .. Of(
            Call.Connect,
            "connect", "connect failed", "connecting", "dial tcp", "dial udp", "dial unix", "dial", "connection to", "establish a new connection", "无法连接", "不能连接", "连接失败", "建立连接", "连接到", "连接数据库", "连接服务器"),

        // listen() takes a port where bind() did not: the messages of Go and Node name it for both.
        .. Of(Call.Bind, "bind", "bindings", "binding", "bound", "bind(0)", "bind failure", "listen", "listen tcp", "listen udp", "listening", "绑定", "监听"),
        .. Of(Call.Accept, "accept", "accept4", "accept failed", "accepting", "接受连接"),
        .. Of(Call.Open, "open", "openat", "opening", "fopen", "opendir", "scandir", "read directory", "pipe", "pipe2", "epoll create", "epoll create1", "eventfd", "timerfd", "dup", "dup2", "打开"),
        .. Of(
            Call.Watch,
            "inotify", "inotify init", "inotify init1", "inotify add watch", "fsnotify", "watch", "watcher", "watchers", "watching", "watches", "file watcher", "directory watch", "filesystemwatcher", "chokidar", "epoll ctl", "fanotify",
            "failed to enter waiting state", "监视", "监控文件", "文件监听"),
        .. Of(Call.Send, "send", "sendto", "sendmsg", "sendmmsg", "write", "writev", "writing", "发送", "写入"),
        .. Of(Call.Receive, "recv", "recvfrom", "recvmsg", "read", "readv", "reading", "receive", "receiving", "recv failure", "接收", "读取"),
        .. Of(Call.SetOption, "setsockopt", "ioctl", "IP_ADD_MEMBERSHIP", "add membership", "join group", "multicast", "ADD_MEMBERSHIP", "组播"),
        .. Of(
            Call.Fork,
            "fork", "vfork", "clone", "clone3", "posix_spawn", "fork/exec", "forking", "pthread create", "create thread", "create new thread", "start thread", "start new thread", "new native thread", "native thread", "start a new thread", "set user id",
            "setuid", "spawn", "创建线程", "创建进程", "创建新线程"),
        .. Of(Call.Resolve, "getaddrinfo", "gethostbyname", "getnameinfo", "gethostbyname_r", "name resolution", "域名解析"),
        .. Of(Call.Netlink, "rtnetlink", "netlink", "siocsifaddr", "siocaddrt"),
    ];

    /// <summary>Classes of exceptions. Java throws BindException for connect(), too: they count only where nothing else names a call.</summary>
    public static ImmutableArray<(Call Call, string Text)> Classes { get; } =
    [
        .. Of(Call.Connect, "ConnectException", "HttpHostConnectException", "NoRouteToHostException", "ClientConnectorError", "HttpRequestException"),
        .. Of(Call.Bind, "BindException", "AddressInUseException"),
    ];

    private static IEnumerable<(Call, string)> Of(Call call, params string[] texts) => texts.Select(text => (call, Phrase.Normalise(text)));
}
