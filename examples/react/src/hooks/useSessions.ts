import { useQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { getSessions, logoutSession, logoutAllSessions } from "@/lib/api/auth";
import toast from "react-hot-toast";

export const useSessions = () => {
  const queryClient = useQueryClient();

  const {
    data: sessions,
    isLoading,
    refetch,
  } = useQuery({
    queryKey: ["sessions"],
    queryFn: getSessions,
    refetchInterval: 60000, // 🧩 auto-refresh every 60s
    refetchOnWindowFocus: true, // also refresh when user comes back to tab
  });

  const logoutMutation = useMutation({
    mutationFn: logoutSession,
    onSuccess: () => {
      toast.success("Logged out from this device");
      queryClient.invalidateQueries({ queryKey: ["sessions"] });
    },
  });

  const logoutAllMutation = useMutation({
    mutationFn: logoutAllSessions,
    onSuccess: () => {
      toast.success("Logged out from all devices");
      queryClient.invalidateQueries({ queryKey: ["sessions"] });
    },
  });

  return {
    sessions,
    isLoading,
    logout: logoutMutation.mutate,
    logoutAll: logoutAllMutation.mutate,
    refetch, // expose manual refetch if needed
  };
};
