import Foundation
import Sodium
import Synchronization
import VaultFile
import VaultCore

/// All directories that tests made, removed when the process ends: a vault may outlive the object that made its directory.
private let directories: Mutex<[URL]> = {
    atexit {
        for directory in directories.withLock({ $0 }) { try? FileManager.default.removeItem(at: directory) }
    }
    return Mutex([])
}()

/// A directory of a test, with a vault in it that opens in a millisecond.
final class TemporaryVault {
    let directory: URL
    var path: String { directory.appendingPathComponent("test.vault").path }
    static let passphrase = Array("correct horse".utf8)

    static var dependencies: Dependencies {
        var dependencies = Dependencies()
        dependencies.readingBounds = .testOnlyWeak
        dependencies.writingBounds = .testOnlyWeak
        return dependencies
    }

    init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "vault-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let made = directory
        directories.withLock { $0.append(made) }
    }

    func create() throws -> LocalSession {
        try LocalSession.create(
            at: path, passphrase: Self.passphrase.span,
            parameters: Argon2id.Parameters(passes: 1, memoryKiB: 8),
            dependencies: Self.dependencies)
    }

    func open() throws -> LocalSession {
        try LocalSession.open(at: path, passphrase: Self.passphrase.span, dependencies: Self.dependencies)
    }
}

extension Session {
    /// The bytes of a value, for comparison.
    func bytes(_ name: String, _ scope: Scope, version: Int = 0) throws -> [UInt8] {
        try value(of: SecretID(name, in: scope), version: version).withBytes { span in
            span.indices.map { span[$0] }
        }
    }

    func put(_ name: String, _ scope: Scope, _ text: String) throws {
        try set(name, in: scope, to: Array(text.utf8).span)
    }
}
