using System.Collections.Immutable;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Json;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling;
using ConnExporter.Texts;

namespace ConnExporter.Web.Pages;

/// <summary>What there is of everything: a bar, numbers and the last ten minutes for each resource.</summary>
internal static class ResourcesPart
{
    /// <summary>Resources of other network namespaces on the page, the fullest first; JSON has all.</summary>
    public const int ShownElsewhere = 8;

    /// <summary>Instances of a kind on the page.</summary>
    public const int ShownOfKind = 4;

    public static HtmlWriter Render(PageView view, TextBook texts)
    {
        var part = new HtmlWriter();
        ImmutableArray<Resource> resources = view.Report.Resources;
        part.Add($"""
            <section data-k="resources" aria-labelledby="resources">
            <h2 id="resources">{texts["page.resources"]}</h2>
            <div class="resource head" aria-hidden="true"><span>{texts["page.resource"]}</span><span></span><span class="n">{texts["page.used"]}</span><span class="n">{texts["page.limit"]}</span><span class="n">{texts["page.peak"]}</span><span>{texts["page.forecast"]}</span><span>{texts["page.ten_minutes"]}</span></div>
            <ul class="resources">

            """);
        foreach (Resource resource in resources.Where(resource => resource.Netns == KernelSource.OwnNamespace))
        {
            Add(part, view, resource, texts);
        }

        part.Add($"</ul>\n");
        Resource[] elsewhere = [.. resources.Where(resource => resource.Netns != KernelSource.OwnNamespace)
            .OrderByDescending(resource => resource.Worst.UsedRatio)];
        if (elsewhere.Length > 0)
        {
            part.Add($"""
                <details class="elsewhere" data-k="elsewhere"><summary>{texts["page.elsewhere", ("count", elsewhere.Length)]}</summary>
                <ul class="resources">

                """);
            foreach (Resource resource in elsewhere.Take(ShownElsewhere))
            {
                part.Add($"""<li data-k="{resource.Kind.Label()} {resource.Netns}">""");
                AddRow(part, view, resource.Worst, texts);
                part.Add($"</li>\n");
            }

            part.Add($"</ul></details>\n");
        }

        part.Add($"</section>\n");
        return part;
    }

    private static void Add(HtmlWriter part, PageView view, Resource resource, TextBook texts)
    {
        part.Add($"""<li data-k="{resource.Kind.Label()}">""");
        AddRow(part, view, resource.Worst, texts);
        if (resource.Instances.Length > 1)
        {
            part.Add($"""
                <details data-k="more"><summary>{texts["page.more_instances", ("count", Math.Min(resource.Instances.Length, ShownOfKind) - 1)]}</summary>
                <ul>

                """);
            foreach (ResourceInstance instance in resource.Instances.Take(ShownOfKind).Skip(1))
            {
                part.Add($"""<li data-k="{instance.Name}">""");
                AddRow(part, view, instance, texts);
                part.Add($"</li>\n");
            }

            part.Add($"</ul></details>");
        }

        part.Add($"</li>\n");
    }

    private static void AddRow(HtmlWriter part, PageView view, ResourceInstance instance, TextBook texts)
    {
        string kind = texts[$"resource.{instance.Kind.Label()}"];
        var share = new Share(instance.UsedRatio);
        part.Add($"""
            <div class="resource {Level(instance.UsedRatio)}" data-resource="{instance.Kind.Label()}" data-instance="{instance.Name}" data-netns="{instance.Netns}" data-ratio="{instance.UsedRatio.ToString("R")}">
            <span class="name"><b>{kind}</b>
            """);
        if (instance.Name != ResourceInstance.Host)
        {
            part.Add($" <span class=\"instance\">{instance.Name}</span>");
        }

        if (instance.Netns != KernelSource.OwnNamespace)
        {
            part.Add($" <span class=\"instance\">{texts["page.in_netns", ("netns", new OutsideName(instance.Netns))]}</span>");
        }

        if (instance.Holder is { } holder && instance.Kind != ResourceKind.ProcessFileDescriptors)
        {
            part.Add($" <span class=\"holder\">{texts["page.held_by", ("holder", holder.Unit is { } unit && unit != holder.Name ? $"{Visible.Name(holder.Name)} ({Visible.Name(UnitName.Readable(unit))})" : Visible.Name(holder.Name))]}</span>");
        }

        part.Add($"""
            </span>
            <span class="fill">{Drawing.Bar(instance.UsedRatio, instance.PeakRatio)}<span class="share">{TextBook.Format(share)}</span></span>
            <span class="n used"><span class="label">{texts["page.used"]} </span>{PageFormat.Amount(instance.Kind, instance.Used)}</span>
            <span class="n limit"><span class="label">{texts["page.limit"]} </span>{PageFormat.Amount(instance.Kind, instance.Limit)}</span>
            <span class="n peak"><span class="label">{texts["page.peak"]} </span>{PageFormat.Amount(instance.Kind, instance.Peak)}</span>
            <span class="forecast{(instance.Exhaustion is null ? " none" : "")}"><span class="label">{texts["page.forecast"]} </span>{(instance.Exhaustion is { } left ? texts["page.gone_in", ("left", left)] : PageFormat.Unknown)}</span>
            <span class="history"><span class="label">{texts["page.ten_minutes"]} </span>{Drawing.Sparkline(view.HistoryOf(instance), instance.Limit, Describe(view, instance, texts))}</span></div>

            """);
    }

    private static string Describe(PageView view, ResourceInstance instance, TextBook texts)
    {
        ImmutableArray<HistoryValue> history = view.HistoryOf(instance);
        return history.IsEmpty
            ? texts["page.no_history"]
            : texts[
                "page.history_of",
                ("lowest", PageFormat.Amount(instance.Kind, history.Min(point => point.Value))),
                ("highest", PageFormat.Amount(instance.Kind, history.Max(point => point.Value))),
                ("newest", PageFormat.Amount(instance.Kind, history[^1].Value))];
    }

    /// <summary>How a share is coloured: by the defaults of the thresholds, which the findings say exactly.</summary>
    public static string Level(double ratio) => ratio switch
    {
        >= 0.95 => "critical",
        >= 0.8 => "warning",
        _ => "ok",
    };
}
