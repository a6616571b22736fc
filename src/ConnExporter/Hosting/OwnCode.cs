using System.Diagnostics.CodeAnalysis;
using System.Reflection;

namespace ConnExporter.Hosting;

/// <summary>The assemblies in the published file.</summary>
internal static class OwnCode
{
    /// <summary>
    /// Loads all of them. To load one takes a descriptor and memory, and the runtime does not try again what failed once: without this a daemon that starts
    /// when there are none could listen and yet never answer.
    /// </summary>
    /// <exception cref="IOException">One cannot be loaded.</exception>
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "References to what was trimmed away are gone as well, and nothing is looked for in what is loaded.")]
    public static void Load()
    {
        Assembly own = typeof(OwnCode).Assembly;
        if (File.Exists(Path.Join(AppContext.BaseDirectory, own.GetName().Name + ".dll")))
        {
            // A build, whose framework is far more than what it uses.
            return;
        }

        var loaded = new HashSet<Assembly>();
        var waiting = new Stack<Assembly>([own]);
        while (waiting.TryPop(out Assembly? assembly))
        {
            if (loaded.Add(assembly))
            {
                foreach (AssemblyName reference in assembly.GetReferencedAssemblies())
                {
                    waiting.Push(Assembly.Load(reference));
                }
            }
        }
    }
}
