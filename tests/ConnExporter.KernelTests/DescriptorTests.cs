using System.Globalization;

namespace ConnExporter.KernelTests;

/// <summary>Descriptors of real processes.</summary>
public class DescriptorTests
{
    [KernelFact("dotnet", "cat")]
    public void Descriptors_of_a_group_of_processes_are_counted_exactly()
    {
        // The name of a process is that of its file: a copy makes it one that no other process has.
        string program = Path.Join(Path.GetTempPath(), string.Create(CultureInfo.InvariantCulture, $"holder{Environment.ProcessId}"));
        File.Copy(Needs.Find("cat")!, program, overwrite: true);
        try
        {
            using var network = new NetworkNamespace();
            using var lab = new Lab(network, "descriptors", "--processes", "20", "--each", "60", "--nofile", "64", "--program", program);
            MetricsText page = network.Page();
            string process = $"process=\"{Path.GetFileName(program)}\"";
            page.Value("conn_process_group_processes", process).ShouldBe(20);
            page.Value("conn_process_group_file_descriptors", process).ShouldBe(20 * 60);
            page.Value("conn_process_group_worst_file_descriptors", process).ShouldBe(60);
            page.Value("conn_process_group_worst_file_descriptors_limit", process).ShouldBe(64);
        }
        finally
        {
            File.Delete(program);
        }
    }
}
