import Compaction
import Sodium
import VaultFile

@testable import VaultAgent
@testable import VaultCore

/// The decoders of single messages, whose results must encode to messages with the same meaning.
struct SingleMessages {
    private let decoder: UInt8
    private let bytes: [UInt8]

    init(shape: UInt8, _ bytes: [UInt8]) { (decoder, self.bytes) = (shape >> 2, bytes) }

    func run() {
        do throws(MalformedMessage) {
            switch decoder & 3 {
            case 0: _ = try Request.decode(bytes.span)
            case 1: try failure()
            case 2: try report()
            default: try job()
            }
        } catch {
            // A refusal is a valid result.
        }
    }

    private func failure() throws(MalformedMessage) {
        var reader = FieldReader(bytes.span)
        let failure = try WireFailure(&reader)
        let message = Array(failure.message.dropFirst(5))
        var back = FieldReader(message.span)
        let again = try? WireFailure(&back)
        require(again == failure, "a failure means the same again: \(failure)")
        _ = AgentError(failure)
    }

    private func report() throws(MalformedMessage) {
        var reader = FieldReader(bytes.span)
        let report = try JobReport(&reader)
        require(reader.position == bytes.count, "a report is read to its end")
        let message = report.message
        var back = FieldReader(message.span)
        let again = try? JobReport(&back)
        require(again == report, "a report means the same again: \(report)")
    }

    private func job() throws(MalformedMessage) {
        var reader = FieldReader(bytes.span)
        let job = try Job(&reader)
        require(job.paths.allSatisfy(AgentProtocol.isEncodable), "a job that was said can be said")
        require(job.message == Array(bytes.prefix(reader.position)), "a job means the same again: \(job)")
    }

    static let seeds: [(name: String, input: [UInt8])] = {
        let number: [UInt8] = [7, 0, 0, 0, 0, 0, 0, 0]
        let numbers = (0..<9).flatMap { _ in number }
        let path = Messages.path("/home/a")
        return [
            ("single-request", [3, 10] + Script.addresses[3].packed + [0, 0, 0, 0]),
            ("single-commit", [3, 11, 1] + Script.addresses[3].packed + [1, 0, 0, 0, 9]),
            ("single-unlock", [3] + Messages.unlock("/home/a").dropFirst(4)),
            ("single-failure", [7, 30, 0] + number + number),
            ("single-verification", [11, 1] + numbers + [1] + number + number + [3] + number + number),
            ("single-compaction", [11, 2] + numbers.prefix(48) + path.dropFirst(2)),
            ("single-salvage", [11, 3] + numbers.prefix(48)),
            ("single-check", [15, 1] + path), ("single-compact", [15, 3] + path + [2] + number),
            ("single-salvage-job", [15, 4] + path + path),
        ]
    }()
}
