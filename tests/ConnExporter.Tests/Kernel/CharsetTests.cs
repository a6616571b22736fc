using ConnExporter.Kernel;
using ConnExporter.Tests.Support;
using ConnExporter.Texts;

namespace ConnExporter.Tests.Kernel;

/// <summary>Character sets of the C library.</summary>
public class CharsetTests
{
    // 打开 in GB18030, GBK and GB2312.
    private static readonly byte[] Open = [0xb4, 0xf2, 0xbf, 0xaa];

    [Theory]
    [InlineData("GB18030")]
    [InlineData("GBK")]
    [InlineData("gb2312")]
    public void Chinese_is_written_and_read_in_the_sets_of_china(string name)
    {
        using Charset charset = Charset.Find(name) ?? throw new NotSupportedException($"this host's C library has no {name}");

        charset.Encode("打开").ShouldBe(Open);
        charset.Decode(Open).ShouldBe("打开");
        charset.Has("打开的文件过多 EMFILE").ShouldBeTrue();
        charset.Decode([.. Open, 0xff, .. "x"u8]).ShouldStartWith("打开");
    }

    [Theory]
    [InlineData("en")]
    [InlineData("zh")]
    public void GB18030_has_every_character_of_every_page_and_text(string tag)
    {
        string root = Path.GetFullPath(Fixture.PathOf("..", "..", ".."));
        using Charset charset = Charset.Find("GB18030") ?? throw new NotSupportedException("this host's C library has no GB18030");
        string[] files = [.. Directory.EnumerateFiles(Path.Join(root, "docs", "runbooks", tag)), .. Directory.EnumerateFiles(Path.Join(root, "src", "ConnExporter", "Texts", tag))];

        files.Length.ShouldBeGreaterThan(30);
        files.Where(file => !charset.Has(File.ReadAllText(file))).ShouldBeEmpty();
    }

    [Fact]
    public void What_a_set_does_not_have_is_replaced_and_nothing_is_lost_behind_it()
    {
        using Charset ascii = Charset.Find("US-ASCII")!;

        ascii.Has("plain").ShouldBeTrue();
        ascii.Has("打开").ShouldBeFalse();
        System.Text.Encoding.ASCII.GetString(ascii.Encode("a打b😀c")).ShouldBe("a?b?c");
        ascii.Encode(new string('x', 100_000)).Length.ShouldBe(100_000);
        ascii.Encode("").ShouldBeEmpty();
    }

    [Theory]
    [InlineData("")]
    [InlineData("GB18030//IGNORE")]
    [InlineData("no-such-set")]
    [InlineData("../../tmp/x")]
    [InlineData("ISO-2022-CN-EXT")]
    [InlineData("a\0b")]
    public void What_is_no_set_of_a_locale_is_not_found(string name) => Charset.Find(name).ShouldBeNull();

    [Theory]
    [InlineData("zh_CN.GB18030", "GB18030")]
    [InlineData("zh_CN.gb2312@x", "gb2312")]
    [InlineData("zh_CN", "GB2312")]
    [InlineData("zh_TW", "BIG5")]
    [InlineData("de_DE.ISO-8859-1", "ISO-8859-1")]
    [InlineData("de_DE@euro", "US-ASCII")]
    [InlineData("zh_CN.UTF-8", null)]
    [InlineData("en_US.utf8", null)]
    [InlineData("C.UTF-8", null)]
    [InlineData("C", null)]
    [InlineData("POSIX", null)]
    [InlineData("", null)]
    [InlineData(null, null)]
    public void A_locale_says_its_set(string? locale, string? charset) => LocaleCharset.Of(locale).ShouldBe(charset);

    [Fact]
    public void The_set_is_that_of_LC_CTYPE_where_LC_ALL_says_nothing()
    {
        LocaleCharset.OfEnvironment(name => name switch { "LC_CTYPE" => "zh_CN.GBK", "LANG" => "zh_CN.UTF-8", _ => null }).ShouldBe("GBK");
        LocaleCharset.OfEnvironment(name => name switch { "LC_ALL" => "C.UTF-8", "LC_CTYPE" => "zh_CN.GBK", _ => "" }).ShouldBeNull();
    }
}
