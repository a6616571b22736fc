using System.Text;
using ConnExporter.Kernel;

namespace ConnExporter.Tests.Kernel;

public class Utf8TextTests
{
    [Fact]
    public void It_reads_as_the_framework_does()
    {
        var random = new Random(1);
        for (int i = 0; i < 10_000; i++)
        {
            byte[] bytes = new byte[random.Next(600)];
            random.NextBytes(bytes);
            if (i % 2 == 0)
            {
                bytes = [.. "é, 中, 😀: "u8, .. bytes.Take(20), .. "ok"u8];
            }

            Utf8Text.Of(bytes).ShouldBe(Encoding.UTF8.GetString(bytes));
        }
    }

    [Fact]
    public void What_is_no_text_takes_no_more_than_text()
    {
        byte[] bytes = [.. Enumerable.Repeat((byte)0xff, 10_000)];
        Utf8Text.Of(bytes);

        long before = GC.GetAllocatedBytesForCurrentThread();
        string text = Utf8Text.Of(bytes);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(3 * bytes.Length);
        text.ShouldBe(new string('\ufffd', bytes.Length));
    }
}
