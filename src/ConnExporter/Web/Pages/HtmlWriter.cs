using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Unicode;
using ConnExporter.Sampling;


namespace ConnExporter.Web.Pages;

/// <summary>Writes HTML: what stands in the source is markup, every value that goes into it is text and is encoded.</summary>
internal sealed class HtmlWriter
{
    private static readonly HtmlEncoder Encoder = HtmlEncoder.Create(UnicodeRanges.All);
    private readonly StringBuilder markup = new();

    /// <summary>Adds markup with values in it.</summary>
#pragma warning disable CA1822, IDE0060 // The compiler gives this writer to the handler, which has written when this is called.
    public void Add([InterpolatedStringHandlerArgument("")] ref Markup piece)
    {
    }
#pragma warning restore CA1822, IDE0060

    /// <summary>Adds what another writer wrote.</summary>
    public void Add(HtmlWriter other) => markup.Append(other.markup);

    /// <summary>The markup so far.</summary>
    public override string ToString() => markup.ToString();

    private void AddText(string text) => markup.Append(Encoder.Encode(text));

    /// <summary>Keeps markup and values apart.</summary>
    [InterpolatedStringHandler]
    internal readonly ref struct Markup
    {
        private readonly HtmlWriter page;

        public Markup(int literalLength, int holes, HtmlWriter page)
        {
            this.page = page;
            page.markup.EnsureCapacity(page.markup.Length + literalLength + (holes * 8));
        }

        public void AppendLiteral(string markup) => page.markup.Append(markup);

        /// <summary>A value on one line: what would not show, or would change what stands around it, shows as an escape.</summary>
        public void AppendFormatted(string? value) => page.AddText(Visible.Of(value ?? ""));

        public void AppendFormatted(int value) => page.markup.Append(value);

        /// <summary>Text with lines of its own.</summary>
        public void AppendFormatted(Lines value) => page.AddText(string.Join('\n', value.Text.Split('\n').Select(Visible.Of)));

        /// <summary>Markup of another writer.</summary>
        public void AppendFormatted(HtmlWriter value) => page.Add(value);
    }
}

/// <summary>Text whose line ends are meant.</summary>
internal readonly record struct Lines(string Text);
