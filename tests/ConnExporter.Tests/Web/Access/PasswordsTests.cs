using System.Collections.Immutable;
using System.Net;
using System.Text;
using ConnExporter.Kernel;
using ConnExporter.Tests.Support;
using ConnExporter.Web.Access;
using ConnExporter.Web.Connections;

namespace ConnExporter.Tests.Web.Access;

public sealed class PasswordsTests : IDisposable
{
    private const string Secret4 = "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
    private const string Secret5 = "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";
    private static readonly InetAddress Client = ClientKey.Of(IPAddress.Parse("192.0.2.1"));
    private readonly ManualTime time = new();
    private readonly Passwords passwords;

    public PasswordsTests()
    {
        passwords = new Passwords(time, Serilog.Core.Logger.None);
        passwords.Use(Users(("alice", Secret4), ("bob", Secret5)));
    }

    public void Dispose() => passwords.Dispose();

    [Theory]
    [InlineData("$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW")]
    [InlineData("$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a")]
    [InlineData("$2y$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u")]
    [InlineData("$2y$12$abcdefghijklmnopqrstuuT1Iwu6o8Wx7BoOyIMHfgVJq6JO/IJhW")]
    [InlineData("$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW")]
    [InlineData("$2a$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW")]
    public async Task Hashes_of_every_cost_and_kind_are_checked(string hash)
    {
        passwords.Use(Users(("carol", hash)));

        (await CheckAsync("carol", "Secret")).ShouldBe(PasswordVerdict.Wrong);
        (await CheckAsync("carol", "secret")).ShouldBe(PasswordVerdict.Right);
    }

    [Fact]
    public async Task What_was_right_once_is_not_hashed_again()
    {
        for (int i = 0; i < 100; i++)
        {
            (await CheckAsync("alice", "secret")).ShouldBe(PasswordVerdict.Right);
        }

        passwords.Hashed.ShouldBe(1);
    }

    [Theory]
    [InlineData("alice")]
    [InlineData("nobody")]
    public async Task Names_that_nobody_has_are_hashed_and_limited_like_the_others(string name)
    {
        PasswordVerdict[] verdicts = await Task.WhenAll(Enumerable.Range(0, 30).Select(guess => CheckAsync(name, $"guess {guess}")));

        verdicts.Count(verdict => verdict == PasswordVerdict.Wrong).ShouldBe(Passwords.Guesses);
        verdicts.Count(verdict => verdict == PasswordVerdict.TooMany).ShouldBe(30 - Passwords.Guesses);
        passwords.Hashed.ShouldBe(Passwords.Guesses);
    }

    [Fact]
    public async Task The_right_password_gets_through_from_an_address_that_has_guessed_too_often()
    {
        (await CheckAsync("alice", "secret")).ShouldBe(PasswordVerdict.Right);
        await Task.WhenAll(Enumerable.Range(0, 30).Select(guess => CheckAsync("alice", $"guess {guess}")));

        (await CheckAsync("alice", "another")).ShouldBe(PasswordVerdict.TooMany);
        (await CheckAsync("alice", "secret")).ShouldBe(PasswordVerdict.Right);

        time.Advance(Passwords.GuessInterval);
        (await CheckAsync("alice", "another")).ShouldBe(PasswordVerdict.Wrong, "time brings another guess");
    }

    [Theory]
    [InlineData("secret\0")]
    [InlineData("secret\0more")]
    [InlineData("")]
    [InlineData("secrets")]
    [InlineData("secre")]
    public async Task Near_misses_are_wrong_also_where_the_right_one_is_known(string password)
    {
        (await CheckAsync("alice", "secret")).ShouldBe(PasswordVerdict.Right);

        (await CheckAsync("alice", password)).ShouldBe(PasswordVerdict.Wrong);
    }

    [Fact]
    public async Task Only_72_bytes_count_so_longer_ones_are_refused()
    {
        // Otherwise the right one could be written in any number of ways.
        string longest = new('x', 72);
        passwords.Use(Users(("dora", BCrypt.Net.BCrypt.HashPassword(longest, Secret4))));

        (await CheckAsync("dora", longest + "y")).ShouldBe(PasswordVerdict.Wrong);
        (await CheckAsync("dora", longest)).ShouldBe(PasswordVerdict.Right);
    }

    [Fact]
    public async Task Another_hash_makes_the_known_password_unknown_and_the_same_one_does_not()
    {
        (await CheckAsync("alice", "secret")).ShouldBe(PasswordVerdict.Right);
        passwords.Use(Users(("alice", Secret4)));
        (await CheckAsync("alice", "secret")).ShouldBe(PasswordVerdict.Right);
        passwords.Hashed.ShouldBe(1);

        passwords.Use(Users(("alice", Secret5)));
        (await CheckAsync("alice", "secret")).ShouldBe(PasswordVerdict.Right);
        passwords.Hashed.ShouldBe(2);

        passwords.Use(Users(("bob", Secret5)));
        (await CheckAsync("alice", "secret")).ShouldBe(PasswordVerdict.Wrong);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("Basic")]
    [InlineData("Basic ")]
    [InlineData("Basic !!!!")]
    [InlineData("Basic YWxpY2U=")]
    [InlineData("Bearer YWxpY2U6c2VjcmV0")]
    public async Task What_is_no_name_and_password_costs_nothing(string? header)
    {
        (await passwords.CheckAsync(header, Client)).Verdict.ShouldBe(PasswordVerdict.Wrong);

        passwords.Hashed.ShouldBe(0);
    }

    [Fact]
    public async Task The_scheme_is_read_in_any_case() => (await passwords.CheckAsync("bASIC YWxpY2U6c2VjcmV0", Client)).Verdict.ShouldBe(PasswordVerdict.Right);

    private static ImmutableSortedDictionary<string, string> Users(params (string Name, string Hash)[] users) =>
        WebConfig.Empty.Users.AddRange(users.Select(user => new KeyValuePair<string, string>(user.Name, user.Hash)));

    private async Task<PasswordVerdict> CheckAsync(string name, string password) =>
        (await passwords.CheckAsync("Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{name}:{password}")), Client)).Verdict;
}
