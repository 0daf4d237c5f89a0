internal import Platform
public import VaultCore

/// The constants of agent-protocol.md.
public enum AgentProtocol {
    /// The version that this program speaks.
    public static let version: UInt16 = 5

    /// The first bytes of the body of every Hello.
    static let magic = Array("vault-ag".utf8)
    /// The size of the first message, in bytes.
    static let helloSize = 1 + 8 + 2
    /// The maximum size of a later message, in bytes, without its length field.
    static let maxMessage = 64 << 20
    /// The maximum bytes of secrets in one Contains request, so that one client does not hold up the others.
    static let maxSecrets = 128 << 10
    /// The bytes of a message before its body: `u32` length and `u8` kind.
    static let headSize = 5
    /// The maximum length of a path, in bytes.
    static let maxPath = 4095
    /// The longest time that a vault can stay unlocked, in milliseconds: 100 years.
    public static let maxDuration: UInt64 = 3_153_600_000_000
    /// The time in which a client must finish a message or take a reply, in milliseconds.
    static let stallTimeout: UInt64 = 30_000
    /// The maximum bytes that the agent buffers for all connections together.
    static let maxBuffered = 256 << 20
    /// The maximum size of a message that a client can send at any time, in bytes.
    static let maxShortMessage = 64 << 10
    /// The maximum size of a medium message, in bytes; a message with any one value fits.
    static let maxMediumMessage = 2 << 20
    /// The maximum bytes of all medium messages that the agent receives at a time.
    static let maxMediumTotal = 32 << 20
    /// The maximum number of descriptors that a connection has sent and no message has claimed.
    static let maxFiles = 16
    /// The maximum number of such descriptors of all connections together.
    static let maxWaitingFiles = 1024
    /// The maximum number of connections.
    static let maxConnections = 4096

    /// The file names in the runtime directory.
    static let socketName = "agent.sock"
    static let lockName = "agent.lock"
    /// The agent's name in the list of processes.
    public static let processName = "vault-agent"

    /// The kind of a request; its reply has this number + 128.
    enum Kind: UInt8 {
        case hello = 0
        case stop
        case status
        case unlock
        case shorten
        case lock
        case open
        case names
        case contains
        case history
        case value
        case commit
        case summary
        case job
        case announce
        case follow

        var replyNumber: UInt8 { rawValue + 128 }

        /// Returns a whole request; `body` holds no secret value and no key.
        func request(_ body: [UInt8] = []) -> [UInt8] { AgentProtocol.message(rawValue, body) }

        /// Returns a whole reply; `body` holds no secret value and no key.
        func reply(_ body: [UInt8] = []) -> [UInt8] { AgentProtocol.message(replyNumber, body) }
    }

    static let failureKind: UInt8 = 255

    /// Returns a whole message: its length, its kind and its body.
    static func message(_ kind: UInt8, _ body: [UInt8]) -> [UInt8] {
        UInt32(1 + body.count).field + [kind] + body
    }

    /// Returns where the kind and the body are of the whole message that begins at `position`.
    static func content(of bytes: Span<UInt8>, at position: Int) -> Range<Int> {
        position + 4..<position + 4 + Int(bytes.load(UInt32.self, at: position))
    }

    /// Returns whether a message can contain this path.
    static func isEncodable(_ path: String) -> Bool {
        path.utf8.count <= maxPath && path.utf8.first == UInt8(ascii: "/") && !path.utf8.contains(0)
    }
}

/// How long a vault stays unlocked.
public struct Limits: Equatable, Sendable {
    /// The time without use, in milliseconds.
    public var idle: UInt64
    /// The time in all, in milliseconds.
    public var total: UInt64
    /// True if the vault is locked as soon as the machine has slept.
    public var locksOnSleep: Bool

    /// Creates limits; in a request to shorten them, 0 leaves a time as it is.
    public init(idle: UInt64, total: UInt64, locksOnSleep: Bool = false) {
        (self.idle, self.total, self.locksOnSleep) = (idle, total, locksOnSleep)
    }

    /// One hour without use, twelve in all.
    public static let `default` = Limits(idle: 3_600_000, total: 43_200_000)
}

/// The state of an unlocked vault, as the agent reports it.
public struct AgentStatus: Equatable, Sendable {
    /// Milliseconds until the vault is locked if nothing uses it.
    public var idleLeft: UInt64
    /// Milliseconds until it is locked in any case.
    public var totalLeft: UInt64
    /// The generation of the file.
    public var generation: UInt64
    /// The number of secrets.
    public var secrets: UInt64
    /// The number of versions, including deletions.
    public var versions: UInt64
    /// The bytes that current versions, and older ones, take in the file.
    public var liveBytes, deadBytes: UInt64
    /// The number of secrets that have expired, and of those whose value is to be replaced, expired ones included.
    public var expired, due: UInt64
    /// True if the vault is locked as soon as the machine has slept.
    public var locksOnSleep = false
    /// True if none of the memory in which the agent has held keys and values can have been swapped.
    public var isMemoryLocked = true
    /// The events and conditions that a client should tell its user.
    public var notices: [Notice] = []
}
