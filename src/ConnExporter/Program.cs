using ConnExporter.Commands;
using ConnExporter.Hosting;
using ConnExporter.Kernel.Sources;
using ConnExporter.Terminal;

try
{
    LastWords.TakeShortagesElsewhere();
    StandardDescriptors.Ensure();
    PlainOutput.Use();
    return Ending.With(CommandLine.Run(args));
}
catch (Exception e)
{
    int code = LastWords.Say(e);
    try
    {
        // The runtime's own end runs finalizers, which may fail for the same reason.
        LastWords.End(code);
    }
    catch (FileNotFoundException)
    {
        // What could not be loaded is where that end is.
        Environment.Exit(code);
    }

    throw;
}
