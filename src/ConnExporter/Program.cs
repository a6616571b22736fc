using ConnExporter.Commands;

return CommandLine.Run(args);
