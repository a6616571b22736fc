using System.Net;
using System.Text.RegularExpressions;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Packaging;

/// <summary>The native files that are in the packages: what they need of a host, and that the one for arm64 runs, under an emulator that knows no sock_diag.</summary>
[Collection(OnPackages.Name)]
public sealed partial class NativeFileTests(Packages packages) : IDisposable
{
    // Of "secret".
    private const string PasswordHash = "$2y$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u";
    private static readonly Version LibraryFloor = new(2, 17);
    private readonly TemporaryDirectory directory = new();

    private static string Root => Path.Join(Repository.Root, "artifacts/sysroot/arm64");

    private static string[] Emulator => ["qemu-aarch64-static", "-L", Root];

    public void Dispose() => directory.Dispose();

    [FactThatNeeds(Need.RpmBuild, "clang", "readelf")]
    public async Task It_needs_nothing_but_a_C_library_of_2_17()
    {
        foreach (string program in new[] { await packages.BinaryAsync(), await packages.Arm64BinaryAsync() })
        {
            string versions = await Tool.RunAsync("readelf", "--version-info", "--wide", program);
            Version[] asked = [.. LibraryVersion().Matches(versions).Select(match => Version.Parse(match.Groups["version"].Value))];
            asked.ShouldNotBeEmpty();
            asked.ShouldAllBe(version => version <= LibraryFloor, program);

            string dynamic = await Tool.RunAsync("readelf", "--dynamic", "--wide", program);
            Needed().Matches(dynamic).Select(match => match.Groups["library"].Value).Where(library => !library.StartsWith("ld-linux", StringComparison.Ordinal))
                .ShouldBeSubsetOf(["libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1"]);
        }
    }

    [FactThatNeeds(Need.RpmBuild, "clang")]
    public async Task It_is_small()
    {
        // 15.0 and 15.6 MB when it came, half a megabyte each since for the symptoms, for UDP and Unix sockets, and for who, top and diff (docs/benchmarks.md).
        new FileInfo(await packages.BinaryAsync()).Length.ShouldBeLessThanOrEqualTo(17_000_000);
        new FileInfo(await packages.Arm64BinaryAsync()).Length.ShouldBeLessThanOrEqualTo(17_600_000);
    }

    [FactThatNeeds(Need.RpmBuild, "clang", "qemu-aarch64-static")]
    public async Task On_arm64_it_answers_as_on_x64()
    {
        string[] x64 = [await packages.BinaryAsync()];
        string[] arm64 = [.. Emulator, await packages.Arm64BinaryAsync()];
        foreach (string[] arguments in new string[][] { ["--help"], ["explain"], ["explain", "EMFILE"], ["explain", "--lang=zh", "cannot assign requested address"], ["check-config"], ["--log.levl=info"] })
        {
            Finished expected = await Tool.TryAsync([.. x64, .. arguments]);
            Finished given = await Tool.TryAsync([.. arm64, .. arguments]);
            (given.ExitCode, given.Output, given.Error).ShouldBe((expected.ExitCode, expected.Output, expected.Error), string.Join(' ', arguments));
        }

        var page = Page.Parse(await Tool.RunAsync([.. arm64, "metrics"]));
        page.Outcome("counters").ShouldBe("ok");
        page["conn_tcp_sockets_source", ("netns", "self"), ("source", "proc_net_tcp")].ShouldBe(1);
    }

    [FactThatNeeds(Need.RpmBuild, "clang", "qemu-aarch64-static")]
    public async Task On_arm64_it_serves_over_TLS_to_who_has_the_password()
    {
        using var certificates = new TestCertificates(directory);
        certificates.Make("server", TestCertificates.ServerUse, ["localhost"]);
        string file = directory.Write("web.yml", $"tls_server_config: {{cert_file: server.crt, key_file: server.key}}\nbasic_auth_users: {{prometheus: '{PasswordHash}'}}\n");
        await using Daemon daemon = await Daemon.StartAsync(new Launch($"--web.config.file={file}") { Published = await packages.Arm64BinaryAsync(), Under = Emulator });
        using HttpClient stranger = SecureClient.New(daemon.Addresses[0], certificates.Authority);
        using HttpClient prometheus = SecureClient.New(daemon.Addresses[0], certificates.Authority).As("prometheus", "secret");

        await Eventually.Holds(async () => (await prometheus.StatusAsync("/-/ready")).ShouldBe(HttpStatusCode.OK));
        Page.Parse(await prometheus.GetStringAsync("/metrics")).Outcome("counters").ShouldBe("ok");
        (await stranger.StatusAsync("/metrics")).ShouldBe(HttpStatusCode.Unauthorized);
        (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);
    }

    [GeneratedRegex(@"Name: GLIBC_(?<version>[0-9.]+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LibraryVersion();

    [GeneratedRegex(@"NEEDED.*\[(?<library>[^\]]+)\]", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Needed();
}
