import AuthenticatorModels
import Foundation
import PushAuthenticator
import Testing
import XCTest

/// App Attest's object for an account's key is sent with the registration, through the models over the real core; and
/// the account is registered even without one.
@Suite(.timeLimit(.minutes(2))) @MainActor struct AppAttestTests {
    private nonisolated static let code = registrationCode(more: "&v=2")

    /// Returns what the registration said about the key, after the user confirmed it.
    private func registered(_ appAttest: TestAppAttest?, hasEnclave: Bool = true) async throws -> (claims: [String: Any], account: Account) {
        let recorder = Recorder()
        let app = try await App(recorder, hasEnclave: hasEnclave, appAttest: appAttest)
        let model = EnrolmentModel(app.services)
        await model.read(Self.code)
        await model.confirm()
        guard case .added(.ready(let account)) = model.state else { throw Server.Failed(description: "\(model.state)") }
        let post = try #require(recorder.posts.first)
        return (try claims(json(post.body)["jwt"]), account)
    }

    @Test func theObjectIsTheOneEntryAndVouchesForTheKey() async throws {
        let appAttest = TestAppAttest()
        let (claims, account) = try await registered(appAttest)
        #expect(claims["attestation"] as? [String] == [TestAppAttest.object.base64EncodedString()])
        #expect(claims["keyLevel"] as? String == "secure-enclave")
        let jwk = try #require(account.key?.jwk)
        let hash = try openCore().appAttestClientDataHash(code: Self.code, jwk: jwk)
        #expect(appAttest.asked.value.map(\.clientDataHash) == [hash] && appAttest.asked.value.map(\.keyId) == ["key 0"])
    }

    @Test func whereItCannotOrFailsTheKeyIsRegisteredWithout() async throws {
        let unsupported = TestAppAttest(isSupported: false)
        let failing = TestAppAttest { throw TestAppAttest.Unreachable() }
        let tooMuch = TestAppAttest { Data(count: 8 * 1024 + 1) }
        for (appAttest, asked) in [(unsupported, 0), (failing, 1), (tooMuch, 1)] {
            let (claims, account) = try await registered(appAttest)
            #expect(claims["attestation"] == nil && claims["keyLevel"] as? String == "secure-enclave")
            #expect(account.key?.isSoftware == false && appAttest.asked.value.count == asked)
        }
        let (claims, _) = try await registered(nil)
        #expect(claims["attestation"] == nil && claims["proof"] is String)
    }

    @Test func aKeyInTheVaultIsNotVouchedFor() async throws {
        let appAttest = TestAppAttest()
        let (claims, account) = try await registered(appAttest, hasEnclave: false)
        #expect(account.key?.isSoftware == true && claims["attestation"] == nil && appAttest.asked.value.isEmpty)
    }

    @Test func nobodyIsAskedToVouchWhereThePromptWasNotPassed() async throws {
        let appAttest = TestAppAttest()
        let app = try await App(appAttest: appAttest)
        app.signingKeys.failure.change { $0 = .cancelled }
        let model = EnrolmentModel(app.services)
        await model.read(Self.code)
        await model.confirm()
        guard case .confirming = model.state else { throw Server.Failed(description: "\(model.state)") }
        #expect(appAttest.asked.value.isEmpty && app.signingKeys.pairs.value.isEmpty)
        app.signingKeys.failure.change { $0 = nil }
        await model.confirm()
        guard case .added(.ready) = model.state else { throw Server.Failed(description: "\(model.state)") }
        #expect(appAttest.asked.value.count == 1)
    }

    @Test func whatIsCancelledWhileAppleIsAskedAddsNothing() async throws {
        let (began, isAsked) = AsyncStream<Void>.makeStream()
        let (gate, opens) = AsyncStream<Void>.makeStream()
        // Ignores cancellation, as a completion handler does.
        let appAttest = TestAppAttest {
            isAsked.yield()
            await Task.detached { for await _ in gate {} }.value
            return TestAppAttest.object
        }
        let app = try await App(appAttest: appAttest)
        let model = EnrolmentModel(app.services)
        await model.read(Self.code)
        let confirming = Task { await model.confirm() }
        for await _ in began { break }
        confirming.cancel()
        await confirming.value
        opens.finish()
        guard case .confirming = model.state else { throw Server.Failed(description: "\(model.state)") }
        #expect(app.signingKeys.pairs.value.isEmpty && !model.isKeyUnavailable)
        #expect(try await app.phone.call { try $0.accounts() }.isEmpty)
    }
}

/// The same against the real server, which stores what it receives and has no root to check it with.
final class AppAttestStoryTests: XCTestCase, @unchecked Sendable {
    @MainActor func testTheServerKeepsWhatVouchesForTheKeyAndTakesOneWithout() async throws {
        for (appAttest, kept) in [(TestAppAttest(), "unchecked"), (TestAppAttest { throw TestAppAttest.Unreachable() }, "none")] {
            let server = try Server(deviceKey: "required")
            defer { server.stop() }
            let app = try await App(URLSessionTransport(), appAttest: appAttest)
            let enrolment = EnrolmentModel(app.services)
            await enrolment.read(try await server.offer().code)
            await enrolment.confirm()
            guard case .added(.ready) = enrolment.state else { return XCTFail("\(enrolment.state)") }
            let devices = try server.run(["device", "list", "--config", server.configuration]) as? [[String: Any]]
            XCTAssertEqual((devices?.first?["key"] as? [String: Any])?["attestation"] as? String, kept, "\(devices ?? [])")
        }
    }
}
