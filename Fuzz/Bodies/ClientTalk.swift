import Platform
import Sodium
import VaultFile

@testable import VaultAgent
@testable import VaultCore

/// A client whose agent sends arbitrary replies.
struct ClientTalk {
    /// The bit that puts correct replies to Hello and Open before the others.
    private static let isFriendly: UInt8 = 4

    private let call: UInt8
    private let replies: [UInt8]

    init(shape: UInt8, _ bytes: [UInt8]) {
        call = shape >> 3
        let polite = Messages.framed([128, 1, 0]) + Messages.framed([134] + [UInt8](repeating: 0, count: 8))
        replies = (shape & ClientTalk.isFriendly != 0 ? polite : []) + bytes
    }

    private nonisolated(unsafe) static let listener = RawSocket.listening(
        at: SocketDirectory.client + SocketDirectory.socketName)

    /// Ends the program if the client throws an undocumented error.
    func run() {
        do {
            try talk()
        } catch is AgentError {
            return
        } catch is VaultError {
            return
        } catch {
            broken("an error of another kind: \(error)")
        }
    }

    private func talk() throws {
        let listener = ClientTalk.listener
        let (path, file) = (Messages.paths[0], try HeldFile(at: "/"))
        let connection = try AgentConnection.connect(
            in: SocketDirectory.client, opening: call > 3 ? path : nil, call > 3 ? file : nil)
        let agent = listener.accept()
        // The replies are sent before the requests.
        agent.send(replies)
        agent.end()
        switch call {
        case 0: _ = try connection.request(.status, path.field, about: [file]) { try AgentStatus(&$0) }
        case 1: try connection.request(.lock, path.field)
        case 2: try connection.stop()
        case 3: try job(connection, path)
        default:
            let vault = AgentJobRunner(
                try AgentClient(directory: SocketDirectory.client), path: path, named: path)
            try session(try AgentSession(connection, vault))
        }
    }

    private func job(_ connection: AgentConnection, _ path: String) throws {
        try connection.send(.job, path.field + Job.check(path).message)
        var isDone = false
        while !isDone {
            try connection.reply(to: .job) { reader in
                isDone = try !reader.flag()
                if isDone { _ = try JobReport(&reader) }
            }
        }
    }

    private func session(_ session: AgentSession) throws {
        let secret = SecretID("A", in: .team)
        switch call {
        case 4:
            for found in try session.secrets() {
                require(SecretID.isValidName(found.name), "a secret that was named has a name")
            }
        case 5: _ = try session.contains(secret)
        case 6: _ = try session.history(of: secret)
        case 7: try session.withValue(of: secret, version: 1) { _ = $0.copied }
        case 8:
            var changes = try Changes()
            try changes.set(secret, to: [1, 2, 3].span)
            try session.commit(changes)
        case 9: _ = try session.summary()
        default:
            // These requests share one connection.
            _ = try? session.contains(secret)
            _ = try? session.secrets()
            _ = try? session.history(of: secret)
            _ = try session.value(of: secret, version: 0)
        }
        _ = session.takeNotices()
    }

    static let seeds: [(name: String, input: [UInt8])] = {
        func shape(_ call: UInt8) -> UInt8 { 2 | isFriendly | call << 3 }
        let number: [UInt8] = [7, 0, 0, 0, 0, 0, 0, 0]
        let numbers = (0..<7).flatMap { _ in number }
        let secret = Script.addresses[2].packed
        let framed = Messages.framed
        let status = 2 | UInt8(0) << 3
        return [
            ("client-nothing", [2]), ("client-other-version", [status] + framed([128, 9, 0])),
            ("client-status", [status] + framed([128, 1, 0]) + framed([130] + numbers + [1])),
            ("client-failure", [status] + framed([128, 1, 0]) + framed([255, 26, 0] + number + number)),
            ("client-lock", [2 | 1 << 3] + framed([128, 1, 0]) + framed([133])),
            ("client-stop", [2 | 2 << 3] + framed([128, 9, 0]) + framed([129])),
            (
                "client-job",
                [2 | 3 << 3] + framed([128, 1, 0]) + framed([141, 1] + number + number)
                    + framed([141, 0, 1] + numbers + number + number + [3] + number + number)
            ),
            ("client-names", [shape(4)] + framed([135, 1] + secret) + framed([135, 0] + secret + secret)),
            ("client-contains", [shape(5)] + framed([136, 1])),
            ("client-history", [shape(6)] + framed([137] + number + [1] + number + [0])),
            ("client-value", [shape(7)] + framed([138] + Array("value".utf8))),
            ("client-commit", [shape(8)] + framed([139] + number + Array("/home/tail".utf8))),
            ("client-summary", [shape(9)] + framed([140] + numbers.prefix(40))),
            (
                "client-several",
                [shape(10)] + framed([136, 1]) + framed([135, 0] + secret) + framed([137]) + framed([138, 1])
            ),
            ("client-half", [shape(7)] + [200, 0, 0, 0, 138, 1]),
            ("client-long", [shape(7)] + [255, 255, 255, 3, 138, 1]),
        ]
    }()
}
