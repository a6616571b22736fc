using System.Text.Json;
using ConnExporter.Configuration;
using ConnExporter.Hosting;
using Serilog.Events;
using Serilog.Parsing;

namespace ConnExporter.Tests.Hosting;

public class LogLineFormatterTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 2, 13, 4, 5, 67, TimeSpan.FromHours(1));

    [Fact]
    public void Logfmt() => Line(LogFormat.Logfmt, LogEventLevel.Information, "Collector {Collector} reads again", ("Collector", "states"))
        .ShouldBe("ts=2026-01-02T12:04:05.067Z level=info msg=\"Collector states reads again\"\n");

    [Theory]
    [InlineData(LogEventLevel.Verbose, "debug", "<7>")]
    [InlineData(LogEventLevel.Debug, "debug", "<7>")]
    [InlineData(LogEventLevel.Information, "info", "<6>")]
    [InlineData(LogEventLevel.Warning, "warn", "<4>")]
    [InlineData(LogEventLevel.Error, "error", "<3>")]
    [InlineData(LogEventLevel.Fatal, "error", "<3>")]
    public void Levels_have_names_and_the_journals_priorities(LogEventLevel level, string name, string priority)
    {
        Line(LogFormat.Logfmt, level, "hello").ShouldContain($" level={name} ");
        Json(Line(LogFormat.Json, level, "hello")).GetProperty("level").GetString().ShouldBe(name);
        Journal(LogFormat.Logfmt, level, "hello").ShouldBe($"{priority}hello\n");
        Journal(LogFormat.Json, level, "hello").ShouldStartWith(priority + "{");
    }

    [Fact]
    public void Json_has_the_values_of_the_message_as_members()
    {
        JsonElement line = Json(Line(LogFormat.Json, LogEventLevel.Warning, "Collector {Collector} waits {LongTime} s", ("Collector", "a \"b\"\n"), ("LongTime", 2.5)));

        line.GetProperty("ts").GetString().ShouldBe("2026-01-02T12:04:05.067Z");
        line.GetProperty("msg").GetString().ShouldBe("Collector a \"b\"\n waits 2.5 s");
        line.GetProperty("collector").GetString().ShouldBe("a \"b\"\n");
        line.GetProperty("long_time").GetString().ShouldBe("2.5");
    }

    [Theory]
    [InlineData("two\nlines", "two\\nlines", "two | lines")]
    [InlineData("two\r\nlines", "two\\r\\nlines", "two | lines")]
    [InlineData("say \"hi\"", "say \\\"hi\\\"", "say \"hi\"")]
    [InlineData("back\\slash", "back\\\\slash", "back\\slash")]
    [InlineData("Größe 日本", "Größe 日本", "Größe 日本")]
    [InlineData("x\u0001y", "x\\u0001y", "x\\u0001y")]
    public void Values_do_not_break_the_line(string value, string quoted, string inJournal)
    {
        Line(LogFormat.Logfmt, LogEventLevel.Information, "it is {Value}", ("Value", value)).ShouldEndWith($" msg=\"it is {quoted}\"\n");
        Journal(LogFormat.Logfmt, LogEventLevel.Information, "it is {Value}", ("Value", value)).ShouldBe($"<6>it is {inJournal}\n");
        Json(Line(LogFormat.Json, LogEventLevel.Information, "it is {Value}", ("Value", value))).GetProperty("value").GetString().ShouldBe(value);
    }

    [Theory]
    [InlineData("Logfmt", false)]
    [InlineData("Json", false)]
    [InlineData("Logfmt", true)]
    [InlineData("Json", true)]
    public void An_exception_stays_on_its_line(string format, bool forJournal)
    {
        Exception exception = Should.Throw<InvalidOperationException>(() => throw new InvalidOperationException("first\nsecond"));

        string line = Format(Enum.Parse<LogFormat>(format), forJournal, LogEventLevel.Error, "it broke", exception);

        line.TrimEnd('\n').ShouldNotContain("\n");
        line.ShouldEndWith("\n");
        line.ShouldContain("it broke");
        line.ShouldContain("second");
        line.ShouldContain(nameof(An_exception_stays_on_its_line));
    }

    [Theory]
    [InlineData("Logfmt", false)]
    [InlineData("Json", false)]
    [InlineData("Logfmt", true)]
    public void Half_a_surrogate_pair_does_not_lose_the_line(string format, bool forJournal)
    {
        string line = Format(Enum.Parse<LogFormat>(format), forJournal, LogEventLevel.Error, "it is {Value}", null, ("Value", "a" + new string('\ud83d', 1) + "b"));

        line.ShouldContain("it is a");
    }

    [Fact]
    public void A_place_without_a_value_is_shown_as_it_stands() => Journal(LogFormat.Logfmt, LogEventLevel.Information, "{Missing} value").ShouldBe("<6>{Missing} value\n");

    [Fact]
    public void An_absent_value_is_null() => Journal(LogFormat.Logfmt, LogEventLevel.Information, "it is {Value}", ("Value", null)).ShouldBe("<6>it is null\n");

    private static string Line(LogFormat format, LogEventLevel level, string template, params (string Name, object? Value)[] values) => Format(format, false, level, template, null, values);

    private static string Journal(LogFormat format, LogEventLevel level, string template, params (string Name, object? Value)[] values) => Format(format, true, level, template, null, values);

    private static string Format(LogFormat format, bool forJournal, LogEventLevel level, string template, Exception? exception, params (string Name, object? Value)[] values)
    {
        using var line = new StringWriter();
        new LogLineFormatter(format, forJournal).Format(
            new LogEvent(Noon, level, exception, new MessageTemplateParser().Parse(template), values.Select(value => new LogEventProperty(value.Name, new ScalarValue(value.Value)))),
            line);
        return line.ToString();
    }

    private static JsonElement Json(string line)
    {
        line.ShouldEndWith("\n");
        return JsonDocument.Parse(line).RootElement;
    }
}
