import Foundation
import Synchronization
import Testing
import VaultCore

@testable import VaultAgent

/// Tests many requests of many clients, each of which knows the right answers from a model.
@Suite struct ModelTests {
    /// The versions of the secrets in a client's own scope.
    private struct Model {
        var random: Xorshift
        var versions: [String: [String?]] = [:]

        var current: [String] { versions.filter { $0.value.last != .some(nil) }.keys.sorted() }
    }

    /// A reproducible random number generator.
    struct Xorshift: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
    }

    /// The number of requests of each client; `make model` sets a larger one.
    private static let each =
        ProcessInfo.processInfo.environment["VAULT_OPERATIONS"] == nil ? 2_500 : 12_500

    @Test func `of the mixed requests of eight clients not one gets a wrong answer`() throws {
        let world = try AgentWorld()
        let paths = [try world.makeVault("a.vault"), try world.makeVault("b.vault")]
        try world.serve { agent in
            for path in paths { try world.unlock(path, agent) }
            let wrong = Mutex<[String]>([])
            let requests = Mutex(0)
            let group = DispatchGroup()
            for client in 0..<8 {
                group.enter()
                Thread {
                    do {
                        let count = try drive(client, agent, paths[client % 2], wrong)
                        requests.withLock { $0 += count }
                    } catch {
                        wrong.withLock { $0.append("client \(client): \(error)") }
                    }
                    group.leave()
                }.start()
            }
            group.wait()
            #expect(wrong.withLock(\.self) == [])
            let count = requests.withLock(\.self)
            print("model: \(count) requests of eight clients, \(wrong.withLock(\.count)) wrong")
            #expect(count == 8 * ModelTests.each)
        }
    }

    /// Makes one client's requests, mostly reads, over changing connections.
    private func drive(
        _ client: Int, _ agent: AgentClient, _ path: String, _ wrong: borrowing Mutex<[String]>
    ) throws -> Int {
        let scope = Scope.project("client-\(client)")
        var model = Model(random: Xorshift(state: UInt64(client + 1) &* 0x9E37_79B9_7F4A_7C15))
        var session = try agent.session(for: path)
        var count = 0
        while count < ModelTests.each {
            if Int.random(in: 0..<50, using: &model.random) == 0 { session = try agent.session(for: path) }
            let name = "N\(Int.random(in: 0..<20, using: &model.random))"
            let problem = try step(session, SecretID(name, in: scope), &model)
            count += 1
            if let problem { wrong.withLock { $0.append("client \(client), request \(count): \(problem)") } }
        }
        return count
    }

    /// Makes one request and compares its reply with the model.
    private func step(_ session: AgentSession, _ secret: SecretID, _ model: inout Model) throws -> String? {
        let known = model.versions[secret.name] ?? []
        switch Int.random(in: 0..<100, using: &model.random) {
        case 0..<60:
            guard case .some(.some(let value)) = known.last else {
                return try session.contains(secret) ? "\(secret.name) exists" : nil
            }
            return try session.text(secret.name, secret.scope) == value ? nil : "\(secret.name) is another"
        case 60..<70:
            let history = try session.history(of: secret)
            return history.map(\.isDeletion) == known.reversed().map { $0 == nil } ? nil : "history differs"
        case 70..<78 where !known.isEmpty:
            let back = Int.random(in: known.indices, using: &model.random)
            guard let value = known[known.count - 1 - back] else {
                return (try? session.text(secret.name, secret.scope, version: back)) == nil
                    ? nil : "a deletion has a value"
            }
            return try session.text(secret.name, secret.scope, version: back) == value
                ? nil : "version differs"
        case 78..<81:
            let names = try session.names(in: secret.scope)
            return names == model.current.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
                ? nil : "names differ"
        case 81..<97:
            let value = "\(secret.name) \(model.random.next())"
            try session.put(secret.name, secret.scope, value)
            model.versions[secret.name] = known + [value]
        case 97...:
            var changes = try Changes()
            try changes.delete(secret)
            try session.commit(changes)
            model.versions[secret.name] = known + [nil]
        default: return try session.summary().generation == 1 ? nil : "generation differs"
        }
        return nil
    }
}
