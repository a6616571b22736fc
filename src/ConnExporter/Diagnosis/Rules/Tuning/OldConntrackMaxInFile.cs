using ConnExporter.Tuning;

namespace ConnExporter.Diagnosis.Rules.Tuning;

/// <summary>ip_conntrack_max, the name of nf_conntrack_max from before Linux 2.6.20.</summary>
internal sealed class OldConntrackMaxInFile() : GoneSettingRule("tuning_ip_conntrack_max_in_file", SettingCatalogue.OldConntrackMax, SettingCatalogue.OlderConntrackMax);
