import Foundation
import PushAuthenticator

/// Takes in pushes, in the app and in its notification service extension, and says what the system may show.
public struct PushIntake: Sendable {
    /// What the system's notification says; on a lock screen, too, so it names no number and no place.
    public struct Alert: Equatable, Sendable {
        public let title: Words
        /// Who asks, and for which account; nothing where that is not known.
        public let subtitle: String?
        /// The sign-on request to open when it is tapped.
        public let requestId: String?
        /// Whether it can be denied without opening the app: a key of the account's own signs in the app, where it may prompt.
        public let canDenyThere: Bool

        public init(title: Words, subtitle: String?, requestId: String?, canDenyThere: Bool = false) {
            self.title = title
            self.subtitle = subtitle
            self.requestId = requestId
            self.canDenyThere = canDenyThere
        }
    }

    private let phone: Phone

    public init(_ phone: Phone) { self.phone = phone }

    /// Takes in the user info of a push. One that is refused changes nothing, and is shown as such without its words.
    public func receive(_ userInfo: [AnyHashable: Any]) async -> Alert {
        do {
            // What is no JSON would end the process.
            guard JSONSerialization.isValidJSONObject(userInfo) else { return Self.refused }
            let payload = try JSONSerialization.data(withJSONObject: userInfo)
            let (request, accounts) = try await phone.call { (try $0.receive(payload: payload), try $0.accounts()) }
            let needsSignature = accounts.contains { $0.id == request.accountId && $0.needsSignature }
            return Alert(
                title: .requestTitle, subtitle: "\(request.issuer), \(request.account)", requestId: request.id, canDenyThere: !needsSignature)
        } catch {
            return Self.refused
        }
    }

    /// The request is there, and cannot be read before the device is unlocked.
    public static let locked = Alert(title: .requestWhileLocked, subtitle: nil, requestId: nil)
    private static let refused = Alert(title: .requestRefused, subtitle: nil, requestId: nil)
}
