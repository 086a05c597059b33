import Foundation
import PushAuthenticator
import Testing

/// Pushes that only say that a message is waiting: the courier fetches it.
@Suite(.timeLimit(.minutes(1))) struct HintTests {
    private func hint(_ uid: String, _ id: String = "message-1") throws -> Data {
        try JSONSerialization.data(withJSONObject: ["aps": ["messageId": id, "mechanismUid": uid, "alert": "Sign-on"]])
    }

    /// A server that lists these messages.
    private func listing(_ messages: [String: String]) -> Recorder {
        Recorder { _ in
            let listed = messages.map { ["messageId": $0.key, "message": $0.value] }
            let body = try JSONSerialization.data(withJSONObject: ["messages": listed])
            return HttpResponse(status: 200, date: nil, body: body)
        }
    }

    @Test func aHintHasTheAccountsServerAskedOnceAndTheRequestIsThere() async throws {
        let phone = try await openPhone()
        let server = try await phone.call { try Registered($0) }
        _ = try await phone.call { try Registered($0, registrationCode("other")) }
        let transport = listing(["message-1": try server.message(1)])
        let courier = Courier(phone, transport: transport)
        let arrival = try await courier.receive(hint(server.mechanismUid))
        guard case .request(let request) = arrival else {
            Issue.record("\(arrival)")
            return
        }
        #expect(request.message == "Login attempt from demo at Ping")
        #expect(transport.posts.count == 1)
        #expect(try transport.posts.map { try json($0.body)["mechanismUid"] as? String } == [server.mechanismUid])
        #expect(try await courier.receive(hint(server.mechanismUid)) == arrival, "again: it is here")
        #expect(transport.posts.count == 1)
        #expect(try await phone.call { try $0.pending() } == [request])
    }

    @Test func aHintOfAMessageThatIsGoneOrOfASilentServerBringsNothing() async throws {
        let phone = try await openPhone()
        let server = try await phone.call { try Registered($0) }
        let gone = try await Courier(phone, transport: listing([:])).receive(hint(server.mechanismUid))
        let account = try #require(try await phone.call { try $0.accounts() }.first).id
        let nothing = Pulled.messages(notifications: [], refused: [], withdrawn: [])
        guard case .missing(let answered) = gone else {
            Issue.record("\(gone)")
            return
        }
        #expect(answered.accountId == account && answered.outcome == .answered(nothing))
        let silent = Recorder { _ in throw TransportError.notSent(reason: "no") }
        let missing = try await Courier(phone, transport: silent).receive(hint(server.mechanismUid))
        guard case .missing(let unreachable) = missing else {
            Issue.record("\(missing)")
            return
        }
        #expect(unreachable.outcome == .unreachable(.notSent(reason: "no")))
        #expect(try await phone.call { try $0.pending() }.isEmpty)
    }

    @Test func hintsOfNobodyAndOfNoFormAreRefusedAndNobodyIsAsked() async throws {
        let phone = try await openPhone()
        let server = try await phone.call { try Registered($0) }
        let transport = listing([:])
        for (payload, code) in [
            (try hint("another"), "unknown-credential"), (try hint("with space"), "hint-malformed"),
            (try hint(server.mechanismUid, ""), "hint-malformed"),
        ] {
            do {
                _ = try await Courier(phone, transport: transport).receive(payload)
                Issue.record("\(code) was taken")
            } catch let error as AuthenticatorError {
                #expect(error.code == code)
            }
        }
        #expect(transport.posts.isEmpty)
    }
}
