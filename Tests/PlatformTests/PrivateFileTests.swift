import Foundation
import Testing

@testable import Platform

@Suite struct `A private file` {
    private let runtime: String
    private let manager = FileManager.default

    init() throws {
        runtime = "/dev/shm/vault-tests.\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: runtime, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    }

    private func cleanUp() { try? manager.removeItem(atPath: runtime) }

    private func directory(of file: borrowing PrivateFile) -> String { Path.directory(of: file.path) }

    private func contents() -> [String] { (try? manager.contentsOfDirectory(atPath: runtime)) ?? [] }

    private func write(_ text: String, to path: String) throws {
        try text.write(toFile: path, atomically: false, encoding: .utf8)
    }

    /// What a killed process leaves.
    private func leftover(_ name: String, age: TimeInterval = 0) throws -> String {
        let path = "\(runtime)/\(name)"
        try manager.createDirectory(
            atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        try write("left", to: path + "/value")
        try manager.setAttributes([.modificationDate: Date(timeIntervalSinceNow: -age)], ofItemAtPath: path)
        return path
    }

    @Test func `is removed with directories that an editor made, but not what links in them lead to`() throws
    {
        defer { cleanUp() }
        let other = runtime + "/other"
        try manager.createDirectory(atPath: other, withIntermediateDirectories: false)
        try write("kept", to: other + "/file")
        let file = try PrivateFile(in: runtime)
        let inner = directory(of: file) + "/backup/of/value"
        try manager.createDirectory(atPath: inner, withIntermediateDirectories: true)
        try write("copy", to: inner + "/value")
        try write("copy", to: directory(of: file) + "/value~")
        try manager.createSymbolicLink(atPath: inner + "/link", withDestinationPath: other)
        try manager.createSymbolicLink(atPath: inner + "/file", withDestinationPath: other + "/file")
        try manager.linkItem(atPath: other + "/file", toPath: inner + "/second")
        #expect(mkfifo(inner + "/pipe", 0o600) == 0)
        #expect(
            close(open(Array((inner + "/").utf8CString.dropLast()) + [-1, 0], O_CREAT | O_RDWR, 0o600)) == 0)
        #expect(chmod(inner, 0) == 0)
        let isRemoved = file.remove()
        #expect(isRemoved)
        #expect(contents() == ["other"])
        #expect(try String(contentsOfFile: other + "/file", encoding: .utf8) == "kept")
    }

    @Test func `is overwritten with zeros, in directories below too`() throws {
        defer { cleanUp() }
        let file = try PrivateFile(in: runtime)
        try file.write(Array("secret".utf8).span)
        let inner = directory(of: file) + "/inner"
        try manager.createDirectory(atPath: inner, withIntermediateDirectories: false)
        try write("secret", to: inner + "/copy")
        let open = try [file.path, inner + "/copy"].map { path in
            try #require(FileHandle(forReadingAtPath: path))
        }
        let isRemoved = file.remove()
        #expect(isRemoved)
        for handle in open { #expect(handle.readDataToEndOfFile() == Data(repeating: 0, count: 6)) }
    }

    @Test func `is removed where its directory went, not where a link in its place leads`() throws {
        defer { cleanUp() }
        let other = runtime + "/other"
        try manager.createDirectory(atPath: other, withIntermediateDirectories: false)
        try write("kept", to: other + "/value")
        let file = try PrivateFile(in: runtime)
        try file.write(Array("secret".utf8).span)
        let path = directory(of: file)
        try manager.moveItem(atPath: path, toPath: runtime + "/moved")
        try manager.createSymbolicLink(atPath: path, withDestinationPath: other)
        let read = try file.reopened()?.readAll(limit: 100)
        #expect(read == Array("secret".utf8))
        let isRemoved = file.remove()
        #expect(!isRemoved)
        #expect(try String(contentsOfFile: other + "/value", encoding: .utf8) == "kept")
        #expect(try manager.contentsOfDirectory(atPath: runtime + "/moved") == [])
    }

    @Test func `is not read if an editor put a pipe, a link or a directory in its place`() throws {
        defer { cleanUp() }
        try write("other", to: runtime + "/other")
        let file = try PrivateFile(in: runtime)
        let path = file.path
        let replacements: [() throws -> Void] = [
            { #expect(mkfifo(path, 0o600) == 0) },
            { try manager.createSymbolicLink(atPath: path, withDestinationPath: runtime + "/other") },
            { try manager.createDirectory(atPath: path, withIntermediateDirectories: false) },
        ]
        for replace in replacements {
            try manager.removeItem(atPath: path)
            try replace()
            let isNothing = try file.reopened() == nil
            #expect(isNothing)
        }
        try manager.removeItem(atPath: path)
        var missing: Errno?
        do throws(Errno) { _ = try file.reopened() } catch { missing = error }
        let isRemoved = file.remove()
        #expect(missing == .noSuchFile && isRemoved)
    }

    @Test func `is removed by the next one as soon as its process is gone, and not before`() throws {
        defer { cleanUp() }
        let (new, old) = (try leftover("vault-edit.aaaaaa"), try leftover("vault-edit.bbbbbb", age: 90_000))
        let future = try leftover("vault-edit.cccccc", age: -90_000)
        let (another, open) = (try leftover("vault-edit.notes.d"), try leftover("vault-edit.dddddd"))
        #expect(chmod(open, 0o755) == 0)
        let first = try PrivateFile(in: runtime)
        let second = try PrivateFile(in: runtime)
        for path in [new, old, future] { #expect(!manager.fileExists(atPath: path)) }
        for path in [another, open, first.path, second.path] { #expect(manager.fileExists(atPath: path)) }
        let areRemoved = [first.remove(), second.remove()]
        #expect(areRemoved == [true, true])
    }
}
