#if canImport(UserNotifications)
import AuthenticatorModels
import Foundation
import PushAuthenticator
import UserNotifications

/// What the system shows for pushes.
public enum PushAlerts {
    public static let category = "org.pushauthenticator.request"
    public static let deny = "org.pushauthenticator.deny"
    /// The key of the sign-on request's id in a notification's user info.
    public static let requestId = "org.pushauthenticator.request-id"

    /// The notification category of sign-on requests: anyone who can unlock the device can deny one directly. Approving
    /// requires the app, which shows the numbers and the context.
    public static func categories(_ text: (Words) -> String) -> Set<UNNotificationCategory> {
        let deny = UNNotificationAction(identifier: deny, title: text(.requestDeny), options: [.authenticationRequired, .destructive])
        return [UNNotificationCategory(identifier: category, actions: [deny], intentIdentifiers: [])]
    }

    /// Fills a notification with what may appear on a lock screen, and removes everything else, including the signed
    /// message.
    public static func fill(_ content: UNMutableNotificationContent, with alert: PushIntake.Alert, _ text: (Words) -> String) {
        content.title = text(alert.title)
        content.subtitle = alert.subtitle ?? ""
        content.body = ""
        content.categoryIdentifier = alert.canDenyThere ? category : ""
        content.userInfo = alert.requestId.map { [requestId: $0] } ?? [:]
    }
}

/// The system's notification center, including the notifications of pushes.
public struct SystemAlerts: AlertCenter {
    private let text: @Sendable (Words) -> String

    public init(_ text: @escaping @Sendable (Words) -> String) { self.text = text }

    public func areOff() async -> Bool {
        let settings = await UNUserNotificationCenter.current().notificationSettings()
        switch settings.authorizationStatus {
        case .notDetermined: return false
        case .denied: return true
        default:
            // Notifications are allowed, but every place where they could appear was turned off individually.
            return ![settings.alertSetting, settings.lockScreenSetting, settings.notificationCenterSetting].contains(.enabled)
        }
    }

    public func shown() async -> Set<String> { Set(await delivered().map(\.requestId)) }

    public func post(_ alert: PushIntake.Alert) async {
        let content = UNMutableNotificationContent()
        PushAlerts.fill(content, with: alert, text)
        content.sound = .default
        let request = UNNotificationRequest(identifier: alert.requestId ?? UUID().uuidString, content: content, trigger: nil)
        // If the user does not allow notifications, the sign-on request waits in the app.
        try? await UNUserNotificationCenter.current().add(request)
    }

    public func remove(_ requestIds: Set<String>) async {
        let identifiers = await delivered().filter { requestIds.contains($0.requestId) }.map(\.identifier)
        UNUserNotificationCenter.current().removeDeliveredNotifications(withIdentifiers: identifiers)
    }

    private func delivered() async -> [(identifier: String, requestId: String)] {
        await UNUserNotificationCenter.current().deliveredNotifications().compactMap { notification in
            let requestId = notification.request.content.userInfo[PushAlerts.requestId] as? String
            return requestId.map { (notification.request.identifier, $0) }
        }
    }
}

#endif
