import Foundation
import Platform
import Testing

@testable import VaultFile

/// A file of Tests/Vectors/v2 or v3, with the expected results: vault-format.md, section 13.
struct SetVector {
    static let directory: String = {
        var path = #filePath
        for _ in 0..<2 { path = Path.directory(of: path) }
        return Path.join(path, "Vectors")
    }()

    /// The vectors of a set, as paths in its directory.
    static func paths(in set: String) -> [String] {
        let directory = Path.join(directory, set)
        return TemporaryDirectory.names(in: directory).sorted().flatMap { kind in
            TemporaryDirectory.names(in: Path.join(directory, kind)).sorted().map { Path.join(kind, $0) }
        }
    }

    /// The members of the head that are inputs, not results.
    private static let given: Set = [
        "section", "comment", "passphrase", "recovery", "zeros", "files", "checkpoint", "now", "options",
        "keep",
        "rewrite", "purge",
    ]

    let path: String
    let head: [String: Fact]
    /// The files, one or two.
    let files: [[UInt8]]

    init(_ path: String, in set: String) throws {
        self.path = path
        let content = try SetVector.read(path, in: set)
        let empty = try #require(content.firstRange(of: Data("\n\n".utf8)))
        head = try JSONDecoder().decode([String: Fact].self, from: content[..<empty.lowerBound])
        var body = Array(content[empty.upperBound...])
        guard let list = head["files"]?.list else {
            files = [SetVector.withZeros(body[...], head["zeros"])]
            return
        }
        var files: [[UInt8]] = []
        for file in list {
            let length = Int(try #require(file["length"]?.number))
            files.append(SetVector.withZeros(body[..<length], file["zeros"]))
            body.removeFirst(length)
        }
        self.files = files
    }

    static func read(_ path: String, in set: String) throws -> Data {
        let file = try InputFile(Path.join(Path.join(directory, set), path))
        return Data(try #require(try file.readAll(limit: 2 << 20)))
    }

    /// Returns the bytes with runs of zeros inserted, each at its offset in the result.
    private static func withZeros(_ bytes: ArraySlice<UInt8>, _ runs: Fact?) -> [UInt8] {
        var (result, rest) = ([UInt8](), bytes)
        for run in runs?.list ?? [] {
            let numbers = (run.list ?? []).compactMap(\.number).map { Int($0) }
            let more = numbers[0] - result.count
            result += rest.prefix(more)
            rest = rest.dropFirst(more)
            result += [UInt8](repeating: 0, count: numbers[1])
        }
        return result + rest
    }

    /// The expected facts.
    var expected: [String: Fact] { head.filter { !SetVector.given.contains($0.key) } }

    /// The name of its directory.
    var kind: String { Path.directory(of: path) }

    func isGiven(_ option: String) -> Bool { head["options"]?.list?.contains(.text(option)) == true }

    /// Creates a world with the first file, the bounds of the format and the vector's time.
    func world() throws -> World {
        let file = head["files"]?.list?.first ?? .members(head)
        var world = World(passphrase: file["passphrase"]?.text ?? "")
        world.dependencies.readingBounds = .reading
        world.clock.now = head["now"]?.number ?? World.start
        for (file, path) in zip(files, [world.path, SetVector.otherPath]) { world.disk[path] = file }
        return world
    }

    /// The path of the second file.
    static let otherPath = "/home/other"
}
