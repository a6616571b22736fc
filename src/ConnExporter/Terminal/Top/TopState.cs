namespace ConnExporter.Terminal.Top;

/// <summary>What somebody who looks at <c>top</c> has chosen, and how keys change it.</summary>
internal sealed class TopState
{
    private const int LongestFilter = 60;
    private const int Page = 10;
    private readonly (int? Column, bool IsReversed)[] sorts = new (int?, bool)[TopTab.All.Length];

    /// <summary>The tab that is shown.</summary>
    public int Index { get; private set; }

    /// <summary>The tab that is shown.</summary>
    public TopTab Tab => TopTab.All[Index];

    /// <summary>The column that it is sorted by, of all it has; null for the worst first.</summary>
    public int? SortColumn => sorts[Index].Column;

    /// <summary>Whether the order is turned round.</summary>
    public bool IsReversed => sorts[Index].IsReversed;

    /// <summary>What names must contain; empty for all.</summary>
    public string Filter { get; private set; } = "";

    /// <summary>Whether keys go into the filter.</summary>
    public bool IsTyping { get; private set; }

    /// <summary>Whether help is shown.</summary>
    public bool IsHelp { get; private set; }

    /// <summary>Rows that are scrolled over.</summary>
    public int Offset { get; private set; }

    /// <summary>Whether it is over.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Keeps to the rows that there are.</summary>
    public void ScrollWithin(int rows, int room) => Offset = Math.Clamp(Offset, 0, Math.Max(0, rows - room));

    /// <summary>Takes a key.</summary>
    /// <param name="press">The key.</param>
    /// <param name="isShown">Whether a column of the tab is shown in this window.</param>
    public void Press(KeyPress press, Func<TopColumn, bool> isShown)
    {
        if (IsTyping)
        {
            Type(press);
            return;
        }

        if (IsHelp)
        {
            IsHelp = false;
            IsOver = press.Rune.Value == 'q';
            return;
        }

        switch (press.Key)
        {
            case Key.Character:
                Press((char)Math.Min(press.Rune.Value, char.MaxValue), isShown);
                break;
            case Key.Tab or Key.Right:
                Show((Index + 1) % TopTab.All.Length);
                break;
            case Key.BackTab or Key.Left:
                Show((Index + TopTab.All.Length - 1) % TopTab.All.Length);
                break;
            case Key.Escape:
                (Filter, Offset) = ("", 0);
                break;
            default:
                Offset = Math.Max(0, press.Key switch { Key.Up => Offset - 1, Key.Down => Offset + 1, Key.PageUp => Offset - Page, Key.PageDown => Offset + Page, Key.Home => 0, Key.End => int.MaxValue, _ => Offset });
                break;
        }
    }

    private void Press(char key, Func<TopColumn, bool> isShown)
    {
        switch (key)
        {
            case >= '1' and <= '9' when key - '1' < TopTab.All.Length:
                Show(key - '1');
                break;
            case 's':
                sorts[Index] = (NextColumn(isShown), false);
                break;
            case 'r':
                sorts[Index].IsReversed = !IsReversed;
                break;
            case '/':
                IsTyping = true;
                break;
            case '?' or 'h':
                IsHelp = true;
                break;
            case 'q':
                IsOver = true;
                break;
        }
    }

    private void Type(KeyPress press)
    {
        switch (press.Key)
        {
            case Key.Enter:
                IsTyping = false;
                break;
            case Key.Escape:
                (IsTyping, Filter) = (false, "");
                break;
            case Key.Backspace when Filter.Length > 0:
                Filter = Filter[..^(char.IsLowSurrogate(Filter[^1]) ? 2 : 1)];
                break;
            case Key.Character when Filter.Length < LongestFilter:
                Filter += press.Rune.ToString();
                break;
        }

        Offset = 0;
    }

    private void Show(int tab) => (Index, Offset) = (tab, 0);

    // After the last one comes the order in which the worst is first.
    private int? NextColumn(Func<TopColumn, bool> isShown)
    {
        for (int next = (SortColumn ?? -1) + 1; next < Tab.Columns.Length; next++)
        {
            if (isShown(Tab.Columns[next]))
            {
                return next;
            }
        }

        return null;
    }
}
