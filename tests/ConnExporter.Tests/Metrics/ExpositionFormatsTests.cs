using ConnExporter.Metrics;

namespace ConnExporter.Tests.Metrics;

public class ExpositionFormatsTests
{
    private const string Prometheus242 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

    private const string Prometheus3 =
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
        + "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

    private const string Prometheus3WithProtobuf =
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6," + Prometheus3;

    private const string Firefox = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    [Theory]
    [InlineData(Prometheus242)]
    [InlineData(Prometheus3)]
    [InlineData(Prometheus3WithProtobuf)]
    [InlineData("application/openmetrics-text")]
    [InlineData("APPLICATION/OpenMetrics-Text; VERSION=\"1.0.0\"")]
    [InlineData("application/openmetrics-text;q=0.5, text/plain;q=0.4")]
    [InlineData("application/openmetrics-text, */*")]
    public void OpenMetrics_goes_to_those_who_ask_for_it_by_name(string accept) => Negotiate(accept).ShouldBe(ExpositionFormat.OpenMetrics);

    [Theory]
    [InlineData("*/*")]
    [InlineData(Firefox)]
    [InlineData("text/plain")]
    [InlineData("text/plain;version=0.0.4;q=1,*/*;q=0.1")]
    [InlineData("application/*")]
    [InlineData("application/json")]
    [InlineData("text/plain;q=0")]
    [InlineData("application/openmetrics-text;version=0.0.1")]
    [InlineData("application/openmetrics-text;version=2.0.0, text/plain;q=0.1")]
    [InlineData("application/openmetrics-text;q=0, */*;q=0.1")]
    [InlineData("application/openmetrics-text;q=0")]
    [InlineData("application/openmetrics-text, text/plain")]
    [InlineData("application/openmetrics-text;q=0.4, text/plain;q=0.5")]
    [InlineData("application/openmetrics-text;q=0.4, */*;q=0.5")]
    public void Text_goes_to_everybody_else(string accept) => Negotiate(accept).ShouldBe(ExpositionFormat.Text);

    [Theory]
    [InlineData("")]
    [InlineData(",,,")]
    [InlineData("application/openmetrics-text;;;=;")]
    [InlineData("openmetrics")]
    [InlineData("\"")]
    public void A_malformed_header_counts_as_none(string accept) => Negotiate(accept).ShouldBe(ExpositionFormat.Text);

    [Fact]
    public void A_weight_that_is_no_number_counts_as_none() => Negotiate("application/openmetrics-text;q=high, text/plain;q=0.9").ShouldBe(ExpositionFormat.OpenMetrics);

    [Fact]
    public void No_header_at_all_gets_text() => ExpositionFormats.Negotiate([]).ShouldBe(ExpositionFormat.Text);

    [Fact]
    public void Several_header_lines_count_as_one_list() =>
        ExpositionFormats.Negotiate(["text/plain;q=0.1", "application/openmetrics-text;q=0.2"]).ShouldBe(ExpositionFormat.OpenMetrics);

    [Fact]
    public void Content_types_name_format_and_version()
    {
        ExpositionFormat.Text.ContentType().ShouldBe("text/plain; version=0.0.4; charset=utf-8");
        ExpositionFormat.OpenMetrics.ContentType().ShouldBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
    }

    private static ExpositionFormat Negotiate(string accept) => ExpositionFormats.Negotiate([accept]);
}
