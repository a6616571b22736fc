using Microsoft.Win32.SafeHandles;

namespace ConnExporter.Kernel;

/// <summary>An open file descriptor, closed once.</summary>
internal sealed class DescriptorHandle : SafeHandleMinusOneIsInvalid
{
    public DescriptorHandle(int descriptor)
        : base(ownsHandle: true) => SetHandle(descriptor);

    public int Value => (int)handle;

    protected override bool ReleaseHandle() => LibC.Close((int)handle) == 0;
}
