import Sodium

@testable import VaultAgent

/// The fuzz target for messages to the agent, and for replies to its clients.
public enum AgentTarget: FuzzTarget {
    /// `agent`.
    public static let name = "agent"

    /// Sends `input` to a server, a client or a decoder, as its first byte selects.
    public static func run(_ input: [UInt8]) {
        guard let first = input.first else { return }
        let rest = Array(input.dropFirst())
        switch first & 3 {
        case 0: ServerTalk(shape: first, Messages(rest).bytes).run()
        case 1: ServerTalk(shape: first, rest).run()
        case 2: ClientTalk(shape: first, rest).run()
        default: SingleMessages(shape: first, rest).run()
        }
    }

    /// Seed inputs, by name.
    public static let seeds: [(name: String, input: [UInt8])] =
        ServerTalk.seeds + ClientTalk.seeds + SingleMessages.seeds
}
