public import VaultKit

/// The numbers of agent-protocol.md.
public enum AgentProtocol {
    /// The version that this program speaks.
    public static let version: UInt16 = 3

    /// What begins every Hello.
    static let magic = Array("vault-ag".utf8)
    /// The length of the first message.
    static let helloSize = 1 + 8 + 2
    /// The most that a later message may have behind its length.
    static let maxMessage = 64 << 20
    /// The most bytes of secrets that are asked for in one request, so that others are not kept waiting.
    static let maxSecrets = 128 << 10
    /// The bytes of a message before its body: `u32` length and `u8` kind.
    static let headSize = 5
    /// The longest path, in bytes.
    static let maxPath = 4095
    /// The longest time that a vault can stay unlocked, in milliseconds: 100 years.
    public static let maxDuration: UInt64 = 3_153_600_000_000
    /// How long half a message may lie around, in milliseconds.
    static let stallPatience: UInt64 = 30_000
    /// What the agent holds for all connections together, in bytes.
    static let maxBuffered = 256 << 20
    /// A message that is not longer can be sent at any time, in bytes.
    static let shortMessage = 64 << 10
    /// How many bytes all longer messages of up to 2 MiB, as a value has, that are sent at a time have together.
    static let maxRoom = 32 << 20
    static let middleMessage = 2 << 20
    /// How many descriptors that no message spoke of yet a connection may have.
    static let maxFiles = 16
    /// How many all connections together may have.
    static let maxWaitingFiles = 1024
    /// How many connections it has at most.
    static let maxConnections = 4096

    /// The file names in the runtime directory.
    static let socketName = "agent.sock"
    static let lockName = "agent.lock"
    /// What the agent is called in the list of processes.
    public static let processName = "vault-agent"

    /// What a message is; a reply has the kind of its request + 128.
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

        var reply: UInt8 { rawValue + 128 }
    }

    static let failureKind: UInt8 = 255

    /// The content of the whole message whose length stands at `position`: its kind and its body.
    static func message(in bytes: Span<UInt8>, at position: Int) -> Range<Int> {
        var count = 0
        for index in 0..<4 { count |= Int(bytes[position + index]) << (8 * index) }
        return position + 4..<position + 4 + count
    }

    /// Whether a path can stand in a message.
    static func isEncodable(_ path: String) -> Bool {
        path.utf8.count <= maxPath && path.utf8.first == UInt8(ascii: "/") && !path.utf8.contains(0)
    }
}

/// How long a vault stays unlocked.
public struct Limits: Equatable, Sendable {
    /// Without use, in milliseconds.
    public var idle: UInt64
    /// In all, in milliseconds.
    public var total: UInt64
    /// Whether it is locked as soon as the machine slept.
    public var locksOnSleep: Bool

    /// Limits; in a wish to shorten them, 0 leaves a time as it is.
    public init(idle: UInt64, total: UInt64, locksOnSleep: Bool = false) {
        self.idle = idle
        self.total = total
        self.locksOnSleep = locksOnSleep
    }

    /// An hour without use, twelve in all.
    public static let `default` = Limits(idle: 3_600_000, total: 43_200_000)
}

/// What the agent tells about an unlocked vault.
public struct AgentStatus: Equatable, Sendable {
    /// Milliseconds until the vault is locked if nothing uses it.
    public var idleLeft: UInt64
    /// Milliseconds until it is locked in any case.
    public var totalLeft: UInt64
    /// Whether it is locked as soon as the machine slept.
    public var locksOnSleep: Bool
    /// Whether all keys and values that the agent had so far lay in memory that cannot be swapped.
    public var isMemoryLocked = true
    /// The generation of the file.
    public var generation: UInt64
    /// How many secrets exist.
    public var secrets: UInt64
    /// How many versions are kept, deletions too.
    public var versions: UInt64
    /// The bytes that current versions have in the file, and those that older ones have.
    public var liveBytes, deadBytes: UInt64
    /// What a person should be told.
    public var notices: [Notice] = []
}
