using ConnExporter.Commands;
using ConnExporter.Hosting;
using ConnExporter.Kernel;

try
{
    return Ending.With(CommandLine.Run(args));
}
catch (Exception e)
{
    // The runtime's own end runs finalizers, which may fail for the same reason.
    ProcessEnd.Now(LastWords.Say(e));
    throw;
}
