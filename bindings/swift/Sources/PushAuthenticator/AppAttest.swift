import Foundation

/// The part of Apple's App Attest (`DCAppAttestService`) that is used here. Through it, Apple vouches for the app, and
/// the app for the key that an account is registered with.
public protocol AppAttestService: Sendable {
    /// Whether this app can be attested on this device.
    var isSupported: Bool { get }
    /// Makes one of App Attest's own keys and returns its id. It is not an account's key.
    func generateKey() async throws -> String
    /// Has Apple attest that key over the network, and returns the attestation object.
    func attestKey(_ keyId: String, clientDataHash: Data) async throws -> Data
}

extension DeviceKey {
    /// Largest attestation that a registration can hold, in bytes.
    static let attestationLimit = 8 * 1024
}

extension Phone {
    /// Has App Attest vouch for a key that is about to be registered. Returns the key unchanged if App Attest is not
    /// supported, fails, takes longer than `limit`, or returns more than a registration can hold; the server then
    /// decides whether it accepts a key without an attestation.
    ///
    /// Each call makes an App Attest key that is used once, because the object is valid for this registration only.
    /// Call this after the prompt, so that a user who fails the prompt leaves no key behind.
    ///
    /// - Parameters:
    ///   - key: a key in the Secure Enclave
    ///   - code: the registration URI
    ///   - limit: how long Apple's servers may keep the user waiting
    /// - Throws: ``AuthenticatorError`` when the URI or key is rejected, or the server accepts no key;
    ///   `CancellationError`
    public func attested(
        _ key: DeviceKey, for code: String, by service: any AppAttestService, atMost limit: Duration = .seconds(20)
    ) async throws -> DeviceKey {
        guard service.isSupported else { return key }
        let hash = try await look { try $0.appAttestClientDataHash(code: code, jwk: key.jwk) }
        let (objects, made) = AsyncStream<Data?>.makeStream()
        // Runs in a separate task, because a hanging service may ignore cancellation.
        let attesting = Task {
            let object = try? await service.attestKey(service.generateKey(), clientDataHash: hash)
            made.yield(object)
        }
        let waiting = Task {
            try await Task.sleep(for: limit)
            made.yield(nil)
        }
        defer {
            attesting.cancel()
            waiting.cancel()
        }
        let object = await objects.first { _ in true } ?? nil
        try Task.checkCancellation()
        guard let object, object.count <= DeviceKey.attestationLimit else { return key }
        return DeviceKey(jwk: key.jwk, level: key.level, presence: key.presence, attestation: [object])
    }
}
