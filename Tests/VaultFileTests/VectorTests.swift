import Foundation
import Platform
import Sodium
import Testing

@testable import VaultFile

/// A file of Tests/Vectors, with the expected results: vault-format.md, section 13.
private struct Vector {
    struct Head: Decodable {
        let expect: String
        let passphrase: String?
        let recovery: String?
        let zeros: [[Int]]?
        let offset: UInt64?
        let end: UInt64?
        let seq: UInt64?
        let tail: UInt64?
        let secrets: Int?
        let versions: Int?
        let skipped: Int?
        let digest: String?
        let check: [String]?
    }

    static let directory: String = {
        var path = #filePath
        for _ in 0..<2 { path = Path.directory(of: path) }
        return Path.join(path, "Vectors/v1")
    }()

    static let names = TemporaryDirectory.names(in: directory)

    let name: String
    let head: Head
    /// The vault's file.
    let bytes: [UInt8]

    init(_ name: String) throws {
        self.name = name
        let content = try Vector.read(name)
        let empty = try #require(content.firstRange(of: Data("\n\n".utf8)))
        head = try JSONDecoder().decode(Head.self, from: content[..<empty.lowerBound])
        var bytes = Array(content[empty.upperBound...])
        for run in head.zeros ?? [] {
            bytes = Array(bytes[..<run[0]]) + [UInt8](repeating: 0, count: run[1]) + Array(bytes[run[0]...])
        }
        self.bytes = bytes
    }

    static func read(_ name: String) throws -> Data {
        let file = try InputFile(Path.join(directory, name))
        return Data(try #require(try file.readAll(limit: 2 << 20)))
    }

    var opens: Bool { ["whole", "unfinished tail"].contains(head.expect) }

    /// Creates a world with the vault and the bounds of the format.
    func world() -> World {
        var world = World(passphrase: head.passphrase ?? "")
        world.dependencies.readingBounds = .reading
        world.bytes = bytes
        return world
    }

    /// Returns the result of reading it.
    func open(_ world: World, _ opener: Opener) throws(VaultFileError) -> Log {
        if let recovery = head.recovery { return try opener.open(world, recovery: recovery) }
        return try opener.open(world)
    }
}

@Suite struct VectorTests {
    /// Returns the facts of a vector that are not true of `log`.
    private func differences(_ log: Log, _ vector: Vector) throws -> [String] {
        let head = vector.head
        var secrets = 0
        log.forEachCurrent(.value) { _ in secrets += 1 }
        let check = try log.check().compactMap { finding -> String? in
            switch finding {
            case .gapNotZero(let at): "gap \(at)"
            case .headerCopyDiffers(let at): "copy \(at)"
            case .noFrames, .unfinishedTail: nil
            }
        }
        let tail = head.tail.map { Log.UnfinishedTail(offset: log.committedEnd, count: $0) }
        let facts = [
            ("tail", log.unfinishedTail == tail), ("end", log.committedEnd == head.end),
            ("seq", log.committedSeq == head.seq), ("secrets", secrets == head.secrets),
            ("versions", log.versionCount == head.versions), ("skipped", log.replay.skipped == head.skipped),
            ("digest", try log.digest() == head.digest), ("check", check == head.check ?? []),
        ]
        return facts.filter { !$0.1 }.map(\.0)
    }

    @Test func `every vector is what it says`() throws {
        let opener = Opener()
        var failed: [String] = []
        for name in Vector.names {
            let vector = try Vector(name)
            let world = vector.world()
            var found: String
            do {
                let log = try vector.open(world, opener)
                found = log.unfinishedTail == nil ? "whole" : "unfinished tail"
                let differences = try differences(log, vector)
                if !differences.isEmpty { found += ", but not \(differences.joined(separator: ", "))" }
            } catch let error as VaultFileError {
                found = Opener.word(error)
                if case .damaged(let offset) = error, offset != vector.head.offset {
                    found += " at \(offset)"
                }
            }
            if world.bytes != vector.bytes || world.otherFiles != [] { found += ", and touched it" }
            guard found != vector.head.expect else { continue }
            failed.append(name)
            Issue.record("\(name): \(found), not \(vector.head.expect)")
        }
        print("vectors in Swift: \(Vector.names.count - failed.count) passed, \(failed.count) failed")
    }

    @Test func `the next writer of a vector that opens saves its tail and keeps the rest`() throws {
        let opener = Opener()
        for name in Vector.names {
            let vector = try Vector(name)
            guard vector.opens else { continue }
            let world = vector.world()
            let log = try vector.open(world, opener)
            var history = try log.history()
            let place: Comment = "\(name)"
            if log.header.isReadOnly {
                #expect(throws: VaultFileError.readOnly, place) { try log.append(.text("NEXT", "next")) }
                #expect(world.bytes == vector.bytes, place)
                continue
            }
            let saved = try log.append(.text("NEXT", "next"))
            #expect(saved?.count == vector.head.tail, place)
            let end = Int(log.committedEnd) - 176
            #expect(saved.map { world.disk[$0.path] } ?? [] == Array(vector.bytes[end...]), place)
            history[address("NEXT")] = [Entry(time: World.start, value: Array("next".utf8))]
            let again = try vector.open(world, opener)
            #expect(try again.history() == history, place)
            #expect(
                again.unfinishedTail == nil && again.committedSeq == vector.head.seq.map { $0 + 1 }, place)
        }
    }

    /// The digest of the set, also in test_vectors.py; vectors may be added, but not changed or removed.
    @Test func `the vectors are frozen`() throws {
        var list: [UInt8] = []
        for name in Vector.names {
            let content = Array(try Vector.read(name))
            list += Array(name.utf8) + [0] + (try BLAKE2b.hash(content.span))
        }
        #expect(
            try BLAKE2b.hash(list.span).hexadecimal
                == "1bd30a4ae228e7f736febeb2fefd417c4aa0a57c067978fa6c42d553a97152cc")
    }
}
