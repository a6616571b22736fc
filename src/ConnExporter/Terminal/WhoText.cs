using System.Globalization;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Who;
using ConnExporter.Texts;

namespace ConnExporter.Terminal;

/// <summary>Who holds sockets, for people: listeners with their queues, connections with states, peers and ages, and the processes behind them.</summary>
internal sealed class WhoText(TextBook book, Sheet sheet, DateTimeOffset at)
{
    private const int Shown = 5;
    private const string Indent = "   ";

    // What goes on is indented further: each thing that is told begins at the same column.
    private const string Deeper = "     ";

    /// <summary>Writes what was found in one network namespace.</summary>
    public void Write(SocketAnswer answer)
    {
        string netns = answer.Netns == KernelSource.OwnNamespace ? "" : $" [netns {Visible.Name(answer.Netns)}]";
        foreach (ListenerFound listener in answer.Listeners)
        {
            string name = InetAddress.WithPort(listener.Address.ToString(), listener.Port.ToString(CultureInfo.InvariantCulture));
            Title((listener.Sockets == 1 ? book["who.listens", ("instance", name)] : book["who.listen", ("instance", name), ("count", listener.Sockets)]) + netns);
            WriteHolders(listener);
            WriteQueue(listener);
        }

        Write(book["who.inbound"] + netns, answer.Inbound, "who.from");
        Write(book["who.outbound"] + netns, answer.Outbound, "who.to");
        if (answer.Missing is { } missing)
        {
            Paragraph(book["who.without_sock_diag", ("reason", Visible.Of(missing))]);
        }
    }

    private void WriteQueue(ListenerFound listener)
    {
        (ulong queue, ulong? limit) = listener.Fullest;
        string waiting = limit is { } known ? book["who.queue", ("queue", queue), ("limit", known)] : book["who.queue_without_limit", ("queue", queue)];
        string all = listener.Sockets > 1 ? book["who.queue_of_all", ("fullest", waiting), ("queue", listener.Queue)] : waiting;
        Paragraph(listener.Drops is { } drops ? $"{all}; {book["who.drops", ("count", drops)]}" : all, limit < queue ? "critical" : null);
    }

    private void Write(string title, ConnectionsFound connections, string peers)
    {
        if (connections.Count == 0)
        {
            return;
        }

        Title($"{title}{book["remedies.colon"]}{string.Join(" · ", Labels.States.Where(state => connections.States[(int)state.State] > 0).Select(state => $"{state.Label.ToUpperInvariant()} {TextBook.Format(connections.States[(int)state.State])}"))}");
        WriteHolders(connections);
        (string Name, ulong Count)[] top = [.. connections.Peers.Select(peer => (peer.Key, peer.Value)).OrderByDescending(peer => peer.Value).ThenBy(peer => peer.Key, StringComparer.Ordinal)];
        int others = top.Length - Shown;
        string more = others > 0 || connections.OtherPeers > 0 ? $" · {book["who.other_peers", ("peers", Math.Max(0, others)), ("count", connections.Count - top.Take(Shown).Aggregate(0ul, (sum, peer) => sum + peer.Count))]}" : "";
        Paragraph(book[peers, ("peers", string.Join(" · ", top.Take(Shown).Select(peer => $"{peer.Name} {TextBook.Format(peer.Count)}")) + more)]);
        string[] ages =
        [
            .. connections.LongestIdle is { } idle ? [book["who.idle", ("time", idle)]] : Array.Empty<string>(),
            .. connections.OldestCloseWait is { } oldest ? [book["who.close_wait", ("time", oldest)]] : Array.Empty<string>(),
            .. connections.Unread > 0 ? [book["who.unread", ("bytes", new Diagnosis.Bytes(connections.Unread))]] : Array.Empty<string>(),
            .. connections.Unacknowledged > 0 ? [book["who.unacknowledged", ("bytes", new Diagnosis.Bytes(connections.Unacknowledged))]] : Array.Empty<string>(),
        ];
        if (ages.Length > 0)
        {
            Paragraph(string.Join("; ", ages));
        }
    }

    private void WriteHolders(Held held)
    {
        foreach (HolderFound holder in held.Holders.Take(Shown))
        {
            string unit = holder.Unit == UnitName.None || holder.Unit == holder.Name ? "" : $"{Visible.Name(UnitName.Readable(holder.Unit))}: ";
            string since = holder.StartedAt is { } started ? $", {book["cli.started_ago", ("time", at > started ? at - started : TimeSpan.Zero)]} ({started.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture)})" : "";
            Paragraph(book["cli.held_by", ("holder", $"{unit}{Visible.Name(holder.Name)} (pid {holder.Pid.ToString(CultureInfo.InvariantCulture)}){since}, {book["cli.holds", ("count", holder.Count)]}")]);
        }

        if (held.Holders.Count > Shown)
        {
            Paragraph(book["who.other_holders", ("count", held.Holders.Count - Shown)]);
        }

        if (held.Holders.Count == 0)
        {
            Paragraph(held.Users.Count == 0 ? book["who.nobody_holds"] : book["who.unknown_holder", ("users", string.Join(", ", held.Users))]);
        }
    }

    private void Title(string title) => sheet.Paragraph("", title, sheet.Style.Strong, indent: Deeper);

    private void Paragraph(string text, string? severity = null) => sheet.Paragraph(Indent, text, severity is null ? null : line => sheet.Style.Severity(severity, line), indent: Deeper);
}
