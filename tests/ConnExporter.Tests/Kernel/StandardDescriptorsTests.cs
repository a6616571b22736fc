using ConnExporter.Kernel.Sources;

namespace ConnExporter.Tests.Kernel;

public sealed class StandardDescriptorsTests
{
    [Fact]
    public void What_was_there_at_the_start_is_told_from_what_was_opened_since()
    {
        using Microsoft.Win32.SafeHandles.SafeFileHandle opened = File.OpenHandle("/dev/null");

        StandardDescriptors.WasClosed((int)opened.DangerousGetHandle()).ShouldBeTrue();
        StandardDescriptors.WasClosed(int.MaxValue).ShouldBeTrue();
        StandardDescriptors.WasClosed(2).ShouldBeFalse();
    }
}
