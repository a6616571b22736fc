using System.Text;
using ConnExporter.Kernel;

namespace ConnExporter.Tests.Support;

internal static class Refusal
{
    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    /// <summary>Asserts that a read is refused with an error that says what it means and quotes the path and the offending text.</summary>
    public static void ShouldBeBroken(Action read, params string[] quoted) => ShouldBe(FailureKind.Broken, "parse", read, quoted);

    public static void ShouldBreakTheProtocol(Action read, params string[] quoted) => ShouldBe(FailureKind.Broken, "protocol", read, quoted);

    public static void ShouldBe(FailureKind kind, string reason, Action read, params string[] quoted)
    {
        KernelReadException refusal = Should.Throw<KernelReadException>(read);
        refusal.Kind.ShouldBe(kind, refusal.Message);
        refusal.Reason.ShouldBe(reason, refusal.Message);
        foreach (string text in quoted)
        {
            refusal.Message.ShouldContain(text, Case.Sensitive);
        }
    }
}
