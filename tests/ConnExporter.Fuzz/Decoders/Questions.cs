using ConnExporter.Explain;
using ConnExporter.Kernel;

namespace ConnExporter.Fuzz.Decoders;

/// <summary>What explain is asked: a line of whatever log, in whatever character set.</summary>
internal static class Questions
{
    // The one that every C library has stands in for one that this host does not have.
    private static readonly Charset Chinese = Charset.Find("GB18030") ?? Charset.Find("US-ASCII")!;

    public static Decoder Lines() => new()
    {
        Name = "explain",
        Methods = ["Topics.Find", "FailureLine.Read"],
        Seeds = Seeds.Texts(
            "connect() to [::1]:8080 failed (99: Address not available) while connecting to upstream, client: 10.0.0.7, server: x", "dial tcp 10.0.0.7:0->10.0.0.5:443: bind: address already in use\n\tat x(y)\n",
            "[client ::1:5] (11)Resource temporarily unavailable: connect to unix:/run/x.sock", "Error: EMFILE: too many open files, watch '/x'", "OSError: [Errno 24] 打开的文件过多", "\u001b[31mRTNETLINK answers:\u001b[0m No buffer space available",
            "lookup x on 10.0.0.1:53: read udp 10.0.0.2:5->10.0.0.1:53: i/o timeout", "net.ipv4.tcp_tw_reuse", "netstat -an | grep TIME_WAIT"),
        Words = Seeds.Texts("connect", "bind", "(99)", "(11:", "errno", "::1", ":0", "[client ", "] ", ", client: ", "\u001b[", "unix:", "EAGAIN", "EADDRINUSE", "too many open files", "资源暂时不可用", "\n", "at (", ":53: ", "-", "_", "’"),
        Refusals = [],

        // Up to 1,000 lines, each compared with each topic.
        Allocation = (1024, 256 * 1024),
        Run = input =>
        {
            string text = Utf8Text.Of(input);
            string normal = Phrase.Normalise(text);
            Promise.Holds(normal.Length <= text.Length, "what is compared is not more than what was asked");
            Promise.Holds(Phrase.Normalise(normal) == normal, "what is compared is compared as it is");
            var line = FailureLine.Read(normal);
            return (((int)line.Errno * 16) + (int)line.Call) * 512 + (Topics.Find(text) is { } topic ? Topics.All.IndexOf(topic) + 1 : 0);
        },
    };

    public static Decoder Charsets() => new()
    {
        Name = "charset",
        Methods = ["Charset.Decode"],
        Seeds = [[0xb4, 0xf2, 0xbf, 0xaa, 0xb5, 0xc4], [0x81, 0x30, 0x81, 0x30], [0x94, 0x39, 0xda, 0x33], [.. "EMFILE"u8]],
        Refusals = [],
        Allocation = (32, 64 * 1024),
        Run = input =>
        {
            string text = Chinese.Decode(input);
            Promise.Holds(text.Length <= input.Length, "a character has a byte at least");
            Promise.Holds(Chinese.Decode(Chinese.Encode(text)).Length <= text.Length * 4, "what was read can be written");
            return text.Length;
        },
    };
}
