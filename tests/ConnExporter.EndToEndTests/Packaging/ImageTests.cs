using System.Net;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Packaging;

/// <summary>The Dockerfile, without Docker: its steps in a Debian, and what they make in a root that holds only what the image would.</summary>
[Collection(OnPackages.Name)]
public sealed class ImageTests(Packages packages) : IDisposable
{
    // Of "secret".
    private const string PasswordHash = "$2y$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u";

    // The chiseled runtime-deps image: libraries of these packages, the list of certificates, two users; neither shell nor tool. Noble's libssl3
    // is named libssl3t64.
    private static readonly string[] ImagePackages = ["libc6", "libgcc-s1", "libssl3", "libstdc++6"];

    private readonly TemporaryDirectory directory = new();

    private string Root => directory["image"];

    public void Dispose() => directory.Dispose();

    [FactThatNeeds(Need.TestMachine, Need.RpmBuild)]
    public async Task The_image_serves_a_page_as_its_user()
    {
        Dockerfile.BaseImages().ShouldBe(["mcr.microsoft.com/dotnet/sdk:10.0-noble", "mcr.microsoft.com/dotnet/runtime-deps:10.0-noble-chiseled"]);
        await LayBaseImageAsync();
        Image image = Dockerfile.MakeImage(Root, await packages.ProductsAsync());

        image.User.ShouldNotBe(0);
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch
        {
            Published = image.EntryPoint.ShouldHaveSingleItem(),
            Under = DebianRoot.Enter(Root, image.User),
            Environment = image.Environment,
        });

        Page page = await daemon.ScrapeAsync();
        page.Outcome("states").ShouldBe("ok");
        page.Outcome("counters").ShouldBe("ok");
        string status = await File.ReadAllTextAsync($"/proc/{daemon.ProcessId}/status");
        status.ShouldContain($"Uid:\t{image.User}\t");
        new FileInfo($"/proc/{daemon.ProcessId}/root").LinkTarget.ShouldBe(Root);

        (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);
    }

    [FactThatNeeds(Need.TestMachine, Need.RpmBuild)]
    public async Task The_image_serves_a_page_over_TLS_to_those_who_have_the_password()
    {
        await LayBaseImageAsync();
        Image image = Dockerfile.MakeImage(Root, await packages.ProductsAsync());
        using var certificates = new TestCertificates(directory);
        certificates.Make("server", TestCertificates.ServerUse, ["localhost"]);
        Directory.CreateDirectory(Root + "/etc/conn-exporter");
        foreach (string file in new[] { "server.crt", "server.key" })
        {
            File.Copy(directory[file], $"{Root}/etc/conn-exporter/{file}");
            File.SetUnixFileMode($"{Root}/etc/conn-exporter/{file}", UnixFileMode.UserRead | UnixFileMode.OtherRead);
        }

        await File.WriteAllTextAsync(Root + "/etc/conn-exporter/web.yml", $"tls_server_config: {{cert_file: server.crt, key_file: server.key}}\nbasic_auth_users: {{prometheus: '{PasswordHash}'}}\n");
        await using Daemon daemon = await Daemon.StartAsync(new Launch("--web.config.file=/etc/conn-exporter/web.yml")
        {
            Published = image.EntryPoint.ShouldHaveSingleItem(),
            Under = DebianRoot.Enter(Root, image.User),
            Environment = image.Environment,
        });
        using HttpClient stranger = SecureClient.New(daemon.Addresses[0], certificates.Authority);
        using HttpClient prometheus = SecureClient.New(daemon.Addresses[0], certificates.Authority).As("prometheus", "secret");

        daemon.Addresses[0].Scheme.ShouldBe("https");
        await Eventually.Holds(async () => (await prometheus.StatusAsync("/-/ready")).ShouldBe(HttpStatusCode.OK));
        Page.Parse(await prometheus.GetStringAsync("/metrics")).Outcome("counters").ShouldBe("ok");
        (await stranger.StatusAsync("/metrics")).ShouldBe(HttpStatusCode.Unauthorized);
        (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);
    }

    private async Task LayBaseImageAsync()
    {
        foreach (string folder in new[] { "/etc/ssl/certs", "/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/home/app", "/tmp", "/proc", "/sys" })
        {
            Directory.CreateDirectory(Root + folder);
        }

        File.CreateSymbolicLink(Root + "/lib", "usr/lib");
        File.CreateSymbolicLink(Root + "/lib64", "usr/lib64");
        foreach (string package in ImagePackages)
        {
            foreach (string line in await File.ReadAllLinesAsync($"{DebianRoot.Pristine}/var/lib/dpkg/info/{package}:amd64.list"))
            {
                string file = line.StartsWith("/lib", StringComparison.Ordinal) ? "/usr" + line : line;
                if (file.StartsWith("/usr/lib", StringComparison.Ordinal) && file.Contains(".so", StringComparison.Ordinal) && !Directory.Exists(DebianRoot.Pristine + file))
                {
                    Directory.CreateDirectory(Path.GetDirectoryName(Root + file)!);
                    await Tool.RunAsync("cp", "--no-dereference", DebianRoot.Pristine + file, Root + file);
                }
            }
        }

        File.Copy(DebianRoot.Pristine + "/etc/ssl/certs/ca-certificates.crt", Root + "/etc/ssl/certs/ca-certificates.crt");
        await File.WriteAllTextAsync(Root + "/etc/passwd", "root:x:0:0:root:/root:/bin/bash\napp:x:1654:1654::/home/app:/bin/false\n");
        await File.WriteAllTextAsync(Root + "/etc/group", "root:x:0:\napp:x:1654:\n");
    }
}
