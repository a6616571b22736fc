using ConnExporter.Sampling.Who;

namespace ConnExporter.Tests.Sampling;

/// <summary>What can be asked of <c>who</c>, and what cannot be mistaken for it.</summary>
public class SocketQuestionTests
{
    [Theory]
    [InlineData(":8080", 8080, null, null, null)]
    [InlineData("*:8080", 8080, null, null, null)]
    [InlineData("10.0.0.1:443", 443, "10.0.0.1", null, null)]
    [InlineData("[::1]:443", 443, "::1", null, null)]
    [InlineData("[::ffff:10.0.0.1]:443", 443, "10.0.0.1", null, null)]
    [InlineData("4711", null, null, 4711, null)]
    [InlineData("nginx.service", null, null, null, "nginx.service")]
    [InlineData("pod shop/web-0/nginx", null, null, null, "pod shop/web-0/nginx")]
    public void A_question_is_a_port_an_end_a_process_or_a_unit(string text, int? port, string? address, int? pid, string? unit)
    {
        SocketQuestion question = SocketQuestion.Parse(text).ShouldNotBeNull();

        ((int?)question.Port).ShouldBe(port);
        (question.Address?.ToString()).ShouldBe(address);
        question.ProcessId.ShouldBe(pid);
        question.Unit.ShouldBe(unit);
    }

    [Theory]
    [InlineData("")]
    [InlineData(":0")]
    [InlineData(":65536")]
    [InlineData("0")]
    [InlineData("99999999999")]
    [InlineData("1.2.3.4.5:80")]
    [InlineData("1.2.3:80")]
    [InlineData("localhost:80")]
    [InlineData("::1:80")]
    [InlineData("[10.0.0.1]:80")]
    [InlineData("--port")]
    public void Nothing_else_is_one(string text) => SocketQuestion.Parse(text).ShouldBeNull();

    [Theory]
    [InlineData("nginx.service", true)]
    [InlineData("nginx", true)]
    [InlineData("ngin", false)]
    public void A_service_may_be_asked_for_without_its_ending(string asked, bool isIt) => SocketQuestion.Parse(asked)!.Is("nginx.service").ShouldBe(isIt);
}
