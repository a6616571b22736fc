using System.Collections.Immutable;

namespace ConnExporter.Terminal.Top;

/// <summary>A column of a tab.</summary>
/// <param name="Key">Its field in <c>/api/v1/snapshot</c>; its heading is the text <c>page.column.KEY</c>.</param>
/// <param name="Width">Columns of the screen; 0 for one of those that share what is left.</param>
/// <param name="From">The narrowest window that shows it.</param>
internal sealed record TopColumn(string Key, int Width = 0, int From = 0)
{
    /// <summary>Whether it holds numbers: those are sorted from the largest down.</summary>
    public bool IsNumber => Width > 0;

    /// <summary>Whether its numbers are shares of 1.</summary>
    public bool IsShare => Key.EndsWith("_ratio", StringComparison.Ordinal);
}

/// <summary>One of the tables of <c>top</c>.</summary>
/// <param name="Id">The table of <c>/api/v1/snapshot</c>; its name is the text <c>top.tab.ID</c>.</param>
/// <param name="Trend">The column whose last values are drawn.</param>
/// <param name="Columns">The columns; the first ones tell rows apart.</param>
internal sealed record TopTab(string Id, string Trend, params ImmutableArray<TopColumn> Columns)
{
    private const int Wide = 110;
    private const int Roomy = 96;

    /// <summary>All of them.</summary>
    public static ImmutableArray<TopTab> All { get; } =
    [
        new("destinations", "live", new("destination"), new("source"), new("used_ratio", 11), new("live", 8), new("time_wait", 9), new("usable_ports", 10, Roomy), new("reusable_time_wait", 9, Wide), new("netns", 0, Wide)),
        new("listeners", "accept_queue", new("listener"), new("unit"), new("accept_queue_ratio", 13), new("accept_queue", 8), new("accept_queue_limit", 8, Roomy), new("drops", 8), new("established", 11, Wide), new("close_wait", 10, Wide), new("process", 0, Wide), new("pid", 8, Wide)),
        new("processes", "file_descriptors", new("process"), new("unit"), new("pid", 8), new("fullest_ratio", 15), new("file_descriptors", 11), new("sockets", 8), new("fullest_limit", 10, Wide), new("established", 11, Wide), new("close_wait", 10, Wide)),
        new("peers", "inbound", new("peer"), new("inbound", 10), new("outbound", 10), new("netns", 0, Wide)),
        new("units", "sockets", new("unit"), new("sockets", 9), new("established", 11), new("time_wait", 10), new("close_wait", 10), new("syn_sent", 9), new("syn_recv", 9, Wide), new("netns", 0, Wide)),
        new("namespaces", "sockets", new("netns"), new("sockets", 9), new("established", 11), new("time_wait", 10), new("close_wait", 10), new("listen_overflows", 10), new("conntrack_entries", 10, Wide), new("worst_destination_ports", 17, Wide)),
    ];
}
