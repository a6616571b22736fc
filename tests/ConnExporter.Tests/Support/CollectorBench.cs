using ConnExporter.Kernel;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling;

namespace ConnExporter.Tests.Support;

/// <summary>One collector over a proc tree of the test's own, a kernel that answers as planned, and a clock that the test moves.</summary>
internal sealed class CollectorBench : IDisposable
{
    private readonly TemporaryDirectory root = new();
    private readonly List<string> notes = [];
    private Collector? collector;

    public CollectorBench() => Context = new CollectContext(Time, notes.Add);

    public ManualTime Time { get; } = new();

    public FakeSockDiag SockDiag { get; } = new();

    public CollectContext Context { get; }

    /// <summary>What the collector had to say since the last call.</summary>
    public string[] TakeNotes()
    {
        string[] taken = [.. notes];
        notes.Clear();
        return taken;
    }

    public string Proc => Path.Join(root.Path, "proc");

    public string Sys => Path.Join(root.Path, "sys");

    /// <summary>Writes a file below proc; a collector that keeps it open sees the new content.</summary>
    public void Write(string name, string content) => root.Write(Path.Join("proc", name), content);

    public void WriteSys(string name, string content) => root.Write(Path.Join("sys", name), content);

    public void Remove(string name) => File.Delete(Path.Join(Proc, name));

    /// <summary>Puts a directory where a file should be: reading it fails with EISDIR.</summary>
    public void Obstruct(string name) => Directory.CreateDirectory(Path.Join(Proc, name));

    /// <summary>Copies a recorded tree's file.</summary>
    public void Copy(string vintage, params string[] names)
    {
        foreach (string name in names)
        {
            root.Write(Path.Join("proc", name), Fixture.Read(vintage, name));
        }
    }

    public void Use(Func<KernelSource, Collector> create)
    {
        Directory.CreateDirectory(Proc);
        collector = create(SockDiag.Kernel(Proc, Sys));
    }

    /// <summary>A sample that does not fail.</summary>
    public Reading Sample() => collector!.Collect(Context);

    public MetricsText Collect() => MetricsText.Of(collector!.Collect(Context));

    /// <summary>A sample that fails, as a whole or in a part.</summary>
    public KernelReadException Fail()
    {
        try
        {
            collector!.Collect(Context);
        }
        catch (KernelReadException e)
        {
            Context.TakeMissing();
            return e;
        }

        return Context.TakeMissing().ShouldNotBeNull("everything could be read");
    }

    /// <summary>A sample of which a part fails: what is on the page, and what is said of the part.</summary>
    public (MetricsText Page, KernelReadException Missing) CollectPart() => (Collect(), Context.TakeMissing().ShouldNotBeNull("everything could be read"));

    public void Dispose()
    {
        collector?.Dispose();
        SockDiag.Dispose();
        root.Dispose();
    }
}
