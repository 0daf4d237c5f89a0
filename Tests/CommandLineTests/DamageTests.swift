import Foundation
import Testing

/// Tests of the program's errors for modified files. (VaultFileTests change every single bit.)
@Suite struct DamageTests {
    private static func full() throws -> (Sandbox, [UInt8]) {
        let sandbox = try Sandbox.withVault()
        for number in 1...6 {
            _ = try sandbox.run(
                "set", "project", "--id", "web", "N\(number)", "-q", input: Array("value \(number)".utf8))
        }
        return (sandbox, try Sandbox.read(sandbox.vault))
    }

    @Test func `no flipped bit passes check`() throws {
        let (sandbox, good) = try DamageTests.full()
        // Each field of the header, the gap, the copy, and bits spread over the frames.
        let offsets =
            [
                0, 8, 12, 16, 20, 24, 32, 48, 56, 64, 72, 104, 128, 130, 132, 136, 140, 144, 160, 184, 232,
                272, 416, 448, 480, 511,
            ]
            + [512, 4095, 4096, 4607] + stride(from: 4608, to: good.count, by: good.count / 180)
        #expect(offsets.count >= 60)
        for (number, offset) in offsets.enumerated() {
            var bad = good
            bad[offset] ^= 1 << UInt8(number % 8)
            try sandbox.write("v", bad)
            let check = try sandbox.run("check")
            #expect([6, 8, 10, 5, 13].contains { check.outcome == .exit($0) }, "byte \(offset): \(check)")
            #expect(check.errors.contains("vault: error: "), "byte \(offset)")
            #expect(try Sandbox.read(sandbox.vault) == bad, "check changed the file")
        }
        try sandbox.write("v", good)
        #expect(try sandbox.run("check").outcome == .exit(0))
    }

    @Test func `a prefix is refused, reported, or the vault as it was`() throws {
        let (sandbox, good) = try DamageTests.full()
        let frame = 176
        for count in [0, 1, 7, 8, 9, 100, 511, 512, 513, 4095, 4096, 4607]
            + Array(stride(from: 4608, through: good.count, by: 44))
        {
            try sandbox.write("v", good)
            #expect(try sandbox.run("check").outcome == .exit(0))
            try sandbox.write("v", Array(good[..<count]))
            if (4608..<good.count).contains(count) {
                #expect(
                    try sandbox.run("check").outcome == .exit(13), "\(count): seen before, and more of it")
            }
            try? sandbox.forget()
            let check = try sandbox.run("check")
            switch count {
            case 0: #expect(check.outcome == .exit(6))
            case ..<4608: #expect(check.outcome == .exit(8), "\(count): \(check)")
            case _ where (count - 4608).isMultiple(of: frame):
                #expect(check.text.hasPrefix("ok: \((count - 4608) / frame) secret"), "\(count): \(check)")
            default: #expect(check.outcome == .exit(10), "\(count): \(check)")
            }
        }
    }

    /// A header whose slot has different costs, with its checksum corrected.
    private static let forge = """
        import hashlib, struct, sys
        path, passes, memory, lanes = sys.argv[1], *map(int, sys.argv[2:])
        header = bytearray(open(path, "rb").read())
        header[132:144] = struct.pack("<III", passes, memory, lanes)
        header[448:480] = hashlib.blake2b(header[:448], digest_size=32).digest()
        open(path, "wb").write(header)
        """

    @Test(arguments: [
        (4_294_967_295, 65_536), (1_000_000, 65_536), (33, 65_536), (3, 4_294_967_295), (3, 4_194_305),
        (32, 4_194_304), (3, 8191), (0, 65_536),
        (3, 0),
    ])
    func `a forged cost is refused before any work is done`(_ passes: Int, _ memory: Int) throws {
        let sandbox = try Sandbox.withVault()
        let forged = try sandbox.program(
            ["/usr/bin/python3", "-c", DamageTests.forge, sandbox.vault, "\(passes)", "\(memory)", "1"])
        try #require(forged.outcome == .exit(0), "\(forged)")
        for verb in [
            ["list"], ["check"], ["status"], ["get", "A"], ["run", "--", "true"], ["delete", "team", "A"],
        ] {
            let result = try sandbox.program([sandbox.root + "/bin/vault"] + verb)
            #expect(result.outcome == .exit(8), "\(verb): \(result)")
            #expect(
                result.errors.contains(
                    "refused: the key derivation would take \(passes) passes over \(memory) KiB"))
        }
        // At most 50 ms longer than the start alone; the best of several runs, since the machine may be busy.
        let time = { (words: [String]) throws -> Double in
            var best = Double.infinity
            for _ in 0..<7 {
                let start = DispatchTime.now().uptimeNanoseconds
                _ = try sandbox.program([sandbox.root + "/bin/vault"] + words)
                best = min(best, Double(DispatchTime.now().uptimeNanoseconds - start) / 1e6)
            }
            return best
        }
        let (plain, refused) = (try time(["--version"]), try time(["list"]))
        #expect(refused < plain + 50, "\(refused) ms beside \(plain) ms")
    }

    @Test func `more than one lane is damage`() throws {
        let sandbox = try Sandbox.withVault()
        _ = try sandbox.program([
            "/usr/bin/python3", "-c", DamageTests.forge, sandbox.vault, "3", "65536", "2",
        ])
        #expect(try sandbox.run("list").outcome == .exit(8))
    }

    @Test func `costs within the bounds but not the vault's own are a wrong passphrase, not another vault`()
        throws
    {
        let sandbox = try Sandbox.withVault()
        _ = try sandbox.program([
            "/usr/bin/python3", "-c", DamageTests.forge, sandbox.vault, "2", "8192", "1",
        ])
        #expect(try sandbox.run("list").outcome == .exit(5))
    }
}
