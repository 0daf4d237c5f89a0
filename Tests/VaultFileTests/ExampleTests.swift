import Platform
import Sodium
import Testing

@testable import VaultFile

/// Recomputes the worked example in vault-format.md.
@Suite struct ExampleTests {
    private static let heading = "## 12. A worked example\n"

    private static let page: String = {
        var path = #filePath
        for _ in 0..<3 { path = Path.directory(of: path) }
        return Path.join(path, "vault-format.md")
    }()

    @Test func `the example in vault-format.md is what this program writes`() throws {
        let page = ExampleTests.page
        let file = try InputFile(page)
        let text = String(decoding: try #require(try file.readAll(limit: 1 << 20)), as: UTF8.self)
        let start = try #require(text.range(of: ExampleTests.heading))
        let rest = text[start.upperBound...]
        let next = rest.range(of: "\n## ").map { String(rest[$0.lowerBound...]) } ?? ""
        let fresh = String(text[..<start.upperBound]) + "\n" + (try ExampleTests.section()) + next
        if try Environment.value("VAULT_UPDATE_EXAMPLE") == "1" {
            let disk = try DiskStorage().open(page, .writing)
            try disk.write(Array(fresh.utf8).span, at: 0)
            try disk.truncate(to: UInt64(fresh.utf8.count))
        } else {
            #expect(
                text == fresh,
                "to write the section anew: VAULT_UPDATE_EXAMPLE=1 swift test --filter ExampleTests")
        }
    }

    @Test func `the example can be opened by the bounds of every reader`() throws {
        var world = try ExampleTests.vault()
        world.dependencies.readingBounds = .reading
        let log = try world.open()
        #expect(try log.text("DATABASE_URL") == "postgres://localhost/app")
        #expect(try log.text("project:web/API_KEY") == "k-123")
        #expect(try log.text("cluster:gpu-1/API_KEY") == nil)
        #expect(
            try log.entries(address("cluster:gpu-1/API_KEY")) == [
                Entry(time: World.start + 2, value: nil),
                Entry(time: World.start + 1, value: Array("k-456".utf8)),
            ])
    }

    @Test func `the example with metadata reads as section 14 says`() throws {
        let file = try InputFile(ExampleTests.page)
        let text = String(decoding: try #require(try file.readAll(limit: 1 << 20)), as: UTF8.self)
        let header = ExampleTests.dumped(text, under: "### A header with two slots\n")
        let log = Int(Format.logStart)
        let frames = ExampleTests.dumped(text, under: "### Metadata\n").dropFirst(log)
        #expect(header.count == 512 && frames.count == 3 * 176)
        var world = World(passphrase: "correct horse battery staple")
        world.dependencies.readingBounds = .reading
        world.bytes = header + [UInt8](repeating: 0, count: log - 1024) + header + frames
        let read = try world.open()
        #expect(
            try read.history() == [
                address("TOKEN"): [Entry(time: World.start, value: Array("one".utf8))],
                address("meta:TOKEN"): [
                    Entry(time: World.start + 1, value: []),
                    Entry(time: World.start, value: Array(#"{"tags":["ci"]}"#.utf8)),
                ],
            ])
        #expect(read.unfinishedTail == nil && read.replay.skipped == 0)
        let (place, version) = (address("meta:TOKEN"), read.versions(address("meta:TOKEN"))[1])
        let entry = try PurgeList.entry(place.packed.span, version, of: read.header.vaultID)
        #expect(text.range(of: "entry    \(entry.bytes.hexadecimal)\n") != nil)
    }

    /// Returns the bytes that the first dump of a section shows; zeros stand before it and for stars.
    private static func dumped(_ text: String, under heading: String) -> [UInt8] {
        guard let start = text.range(of: heading)?.upperBound else { return [] }
        var (bytes, isInside) = ([UInt8](), false)
        for line in text[start...].split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "```", isInside, !bytes.isEmpty { break }
            if line == "```" { isInside.toggle() }
            let words = line.split(separator: " ").prefix(9)
            guard isInside, words.count == 9, let offset = Int(words[0], radix: 16), words[0].count == 8,
                let row = [UInt8](hexadecimal: words[1...].joined())
            else { continue }
            bytes += [UInt8](repeating: 0, count: offset - bytes.count) + row
        }
        return bytes
    }

    private static func vault() throws -> World {
        let world = World(seed: 1, passphrase: "correct horse battery staple")
        world.clock.step = 1
        let log = try world.create(parameters: .init(passes: 1, memoryKiB: 8192))
        try log.append(.text("DATABASE_URL", "postgres://localhost/app"))
        try log.append(.text("project:web/API_KEY", "k-123"), .text("cluster:gpu-1/API_KEY", "k-456"))
        try log.append(.remove("cluster:gpu-1/API_KEY"))
        return world
    }

    private static func section() throws -> String {
        let world = try vault()
        let (bytes, log) = (world.bytes, try world.open())
        let derived = try Argon2id.derive(
            passphrase: world.passphrase.span, salt: bytes.span.extracting(144..<160),
            parameters: .init(passes: 1, memoryKiB: 8192)
        ).array
        let passphrase = world.passphrase
        let master = try log.header.unlock(passphrase: passphrase.span)
        let headerKey = try BLAKE2b.deriveKey(from: master, label: "vault-1 header")
        let frameKey = try log.header.frameKey(master: master)
        return """
            A vault of 5,312 bytes with the passphrase `correct horse battery staple`, t = 1 and m = 8,192 KiB
            (less than a writer may choose, so that an implementation can derive the key quickly). Its three
            transactions were written at 2026-01-01T00:00:00.000Z, .001Z and .002Z. The first set the team's
            `DATABASE_URL` to `postgres://localhost/app`; the second set `API_KEY` to `k-123` in the project
            `web` and to `k-456` in the cluster `gpu-1`; the third deleted the latter. Rows are hexadecimal;
            `*` stands for further rows of zeros.

            ```
            wrap key         \(hex(derived[..<32]))
            commitment key   \(hex(derived[32...]))
            master key       \(hex(master.array[...]))
            header key       \(hex(headerKey.array[...]))
            frame key        \(hex(frameKey.array[...]))
            ```

            The file:

            ```
            \(dump(bytes, from: 0..<4096, notes: headerNotes).joined(separator: "\n"))
            00001000  (the same 512 bytes as from 00000000)
            \(world.frames().enumerated().flatMap { dump(bytes, from: $1, notes: frameNotes($0, $1)) }.joined(separator: "\n"))
            ```

            The plaintext of the first frame:

            ```
            \(dump(try plaintext(log, world.frames()[0]), from: 0..<128, notes: plaintextNotes).joined(separator: "\n"))
            ```

            """
    }

    private static let headerNotes: [Int: String] = [
        0x000: "magic; format 1; header length 512", 0x010: "flags", 0x020: "vault id",
        0x030: "generation 1; base_seq 0",
        0x040: "base_end 4608; file salt", 0x060: "...; lineage", 0x070: "...; reserved",
        0x080: "slot 0: kind 1, derivation 2; t 1; m 8192; 1 lane", 0x090: "salt", 0x0A0: "nonce",
        0x0B0: "...; box",
        0x0E0: "...; commitment", 0x100: "...; reserved", 0x110: "slot 1: empty", 0x1C0: "header sum",
        0x1E0: "header MAC", 0x200: "zero",
    ]

    private static func frameNotes(_ number: Int, _ frame: Range<Int>) -> [Int: String] {
        let (start, name) = (frame.lowerBound, ["first", "second", "third", "fourth"][number])
        return [
            start: "\(name) frame: L 144; CRC; random", start + 16: "...; offset \(start)", start + 32: "tag",
            start + 48: "ciphertext",
        ]
    }

    private static let plaintextNotes: [Int: String] = [
        0x00: "value; COMMIT; body of 40 bytes; seq 1", 0x10: "prev_tag: header MAC[0:16]",
        0x20: "tx_start 4608; time",
        0x30: "team; no id; name of 12; name", 0x40: "value", 0x50: "...; padding",
    ]

    private static func plaintext(_ log: Log, _ frame: Range<Int>) throws -> [UInt8] {
        var reader = try FrameReader(
            log.file,
            key: try log.header.frameKey(
                master: log.header.unlock(passphrase: Array("correct horse battery staple".utf8).span)))
        return try #require(
            try reader.open(at: UInt64(frame.lowerBound), length: UInt64(frame.upperBound)) { _, plaintext in
                plaintext.array(0..<plaintext.count)
            })
    }

    /// Formats rows of 16 bytes.
    ///
    /// Of successive rows of zeros without a note, only the first is shown, then a star.
    private static func dump(_ bytes: [UInt8], from range: Range<Int>, notes: [Int: String]) -> [String] {
        var rows: [String] = []
        var (lastIsZero, isElided) = (false, false)
        for start in stride(from: range.lowerBound, to: range.upperBound, by: 16) {
            let row = bytes[start..<start + 16]
            let isZero = row.allSatisfy { $0 == 0 }
            if isZero, lastIsZero, notes[start] == nil {
                if !isElided { rows.append("*") }
                isElided = true
                continue
            }
            (lastIsZero, isElided) = (isZero, false)
            let pairs = stride(from: start, to: start + 16, by: 2).map { hex(bytes[$0..<$0 + 2]) }
            let offset = (0..<4).reversed().map { UInt8(truncatingIfNeeded: start >> (8 * $0)) }
            let line = "\(hex(offset[...]))  \(pairs.joined(separator: " "))"
            rows.append(notes[start].map { "\(line)  \($0)" } ?? line)
        }
        return rows
    }

    private static func hex(_ bytes: ArraySlice<UInt8>) -> String {
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}

extension Key {
    fileprivate var array: [UInt8] { withBytes { bytes in bytes.indices.map { bytes[$0] } } }
}

extension String {
    /// Returns the range of `text`, as Foundation's `range(of:)` does.
    fileprivate func range(of text: String) -> Range<Index>? {
        indices.first { self[$0...].hasPrefix(text) }.map { $0..<index($0, offsetBy: text.count) }
    }
}
