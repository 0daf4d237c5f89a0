import Sodium

@testable import VaultAgent

/// Messages to the agent, and replies to its clients.
public enum AgentTarget: FuzzTarget {
    /// `agent`.
    public static let name = "agent"

    /// Says `input` to a server, or to a client, or to those who read single messages, as its first byte says.
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

    /// Inputs to begin with, by name.
    public static let seeds: [(name: String, input: [UInt8])] =
        ServerTalk.seeds + ClientTalk.seeds + SingleMessages.seeds
}
