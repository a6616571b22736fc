using ConnExporter.Hosting;

namespace ConnExporter.Tests.Hosting;

public sealed class LastWordsTests
{
    [Fact]
    public void A_want_of_memory_may_be_one_of_threads()
    {
        string words = LastWords.Of(new InvalidOperationException("outer", new InsufficientMemoryException("Exception of type 'System.OutOfMemoryException' was thrown.")));

        words.ShouldContain("TasksMax=, pids.max, ulimit -u");
        words.ShouldContain("MemoryMax=");
        words.ShouldNotContain("defect");
    }

    [Fact]
    public void So_says_a_system_call_that_got_none() =>
        LastWords.Of(new InvalidOperationException("outer", new System.ComponentModel.Win32Exception(12))).ShouldStartWith("no memory or no further thread to be had");

    [Fact]
    public void Code_that_cannot_be_loaded_wants_files_or_memory() =>
        LastWords.Of(new FileNotFoundException("Could not load file or assembly 'X'.", "X, Version=1.0.0.0")).ShouldContain("ulimit -n");

    [Fact]
    public void Anything_else_is_a_defect_in_one_line()
    {
        string words = LastWords.Of(new InvalidOperationException("a\nb"));

        words.ShouldStartWith("a defect in this program, please report it: ");
        words.ShouldNotContain("\n");
    }
}
