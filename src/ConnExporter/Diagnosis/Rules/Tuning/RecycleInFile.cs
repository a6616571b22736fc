using ConnExporter.Tuning;

namespace ConnExporter.Diagnosis.Rules.Tuning;

/// <summary>tcp_tw_recycle, which broke connections from behind NAT and was removed in Linux 4.12.</summary>
internal sealed class RecycleInFile() : GoneSettingRule("tuning_tw_recycle_in_file", SettingCatalogue.TimeWaitRecycle);
