internal import CommandSyntax
internal import Platform
internal import VaultFile
internal import VaultKit
internal import Wording

/// The verb `vault accept`.
struct Accept: Command {
    var yes = false
    var options = FileOptions()

    static let syntax = Syntax(
        Accept(), name: "accept", summary: "Trust the file that is there now",
        discussion: """
            This machine remembers how far it saw each vault. A file that is older, has gone another way since, or is another vault, is not \
            used (exit code 13): somebody may have put it there. When you know how it came there, this verifies it and remembers it \
            as the one to trust, having shown what was last seen and what is there. A person at a terminal is asked \
            first; a script needs --yes.
            """,
        parameters: [
            .flag("-y --yes", "Do not ask", \.yes),
            .options(FileOptions.parameters, \.options),
        ])

    func run() throws(Failure) {
        let path = try options.common.path()
        _ = try FileOptions.header(of: path)
        Output.note("last seen: \(Accept.lastSeen(path))")
        Output.note("there now: \(try Accept.present(path))")
        if !yes { try Prompt.confirm("Trust the file that is there now?") }
        let real = Locations.realPath(of: path)
        let result = try options.withKey(of: path) { worker throws(VaultError) in try worker.accept(real) }
        do throws(VaultError) {
            _ = try result.get()
        } catch {
            throw Failure(error, path: path)
        }
        AgentAccess.adopt(path)
        options.common.confirm("Accepted \(path)")
    }

    private static func lastSeen(_ path: String) -> String {
        do throws(Errno) {
            return try Sighting.last(path)?.text ?? "nothing"
        } catch {
            return "not known, \(error)"
        }
    }

    private static func present(_ path: String) throws(Failure) -> String {
        do throws(VaultFileError) {
            return try Sighting.present(path).text
        } catch {
            throw Failure(error, path: path)
        }
    }
}
